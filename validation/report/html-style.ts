/** The look of the parity page: on a screen, on a telephone (a card a property), and on paper (everything, in black). */
export const style = `
:root {
    color-scheme: light dark;
    --ink: #1b1f24; --soft: #57606a; --paper: #ffffff; --line: #d0d7de; --shade: #f6f8fa;
    --good: #116329; --bad: #a40e26; --open: #7a4100; --rule: #0550ae;
}
@media (prefers-color-scheme: dark) {
    :root {
        --ink: #e6edf3; --soft: #9da7b3; --paper: #0d1117; --line: #3d444d; --shade: #161b22;
        --good: #56d364; --bad: #ff8e86; --open: #f0b35a; --rule: #79c0ff;
    }
}
* { box-sizing: border-box; }
body {
    margin: 0 auto; padding: 1rem; max-width: 78rem; background: var(--paper); color: var(--ink);
    font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere;
}
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 .5rem; }
h2 { font-size: 1.2rem; margin: 2rem 0 .5rem; }
code, td.value { font-family: ui-monospace, monospace; font-size: .875rem; }
.verdict { font-size: 1.1rem; padding: .75rem 1rem; border-left: .4rem solid var(--bad); background: var(--shade); }
.verdict.match { border-color: var(--good); }
.soft { color: var(--soft); }
ul.counts { display: flex; flex-wrap: wrap; gap: .5rem 1.5rem; list-style: none; padding: 0; }
ul.counts b { font-size: 1.25rem; }
.choice { display: flex; gap: .5rem; align-items: center; min-height: 2.75rem; width: fit-content; }
.choice input { width: 1.25rem; height: 1.25rem; }
body:has(#problems:checked) tr.fine, body:has(#problems:checked) section.fine { display: none; }
table { width: 100%; border-collapse: collapse; table-layout: fixed; }
caption { text-align: left; color: var(--soft); padding-bottom: .25rem; }
th, td { text-align: left; vertical-align: top; padding: .4rem .6rem; border-bottom: 1px solid var(--line); }
thead th { background: var(--shade); }
tbody th { font-weight: 600; }
th.is, td.is { width: 10rem; }
td.is { font-weight: 600; }
.same { color: var(--good); } .drift { color: var(--bad); } .inconclusive { color: var(--open); } .intended { color: var(--rule); }
.note { display: block; margin-top: .25rem; font: .875rem/1.4 system-ui, sans-serif; }
a { color: var(--rule); }
a.skip { position: absolute; left: -999rem; } a.skip:focus { position: static; }
:focus-visible { outline: 3px solid var(--rule); outline-offset: 2px; }
@media screen and (max-width: 44rem) {
    body { padding: .75rem; }
    table, caption, tbody, tr, th, td { display: block; width: auto; }
    thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
    tr { border: 1px solid var(--line); border-radius: .4rem; margin-bottom: .75rem; padding: .25rem 0; }
    th, td { border: 0; padding: .2rem .75rem; }
    th.is, td.is { width: auto; }
    td[data-label]::before {
        content: attr(data-label); display: block; color: var(--soft); font: 600 .8rem/1.4 system-ui, sans-serif;
    }
}
@media print {
    :root {
        --ink: #000; --soft: #333; --paper: #fff; --line: #999; --shade: #fff;
        --good: #000; --bad: #000; --open: #000; --rule: #000;
    }
    body { max-width: none; padding: 0; font-size: 9pt; }
    .choice, a.skip { display: none; }
    body:has(#problems:checked) tr.fine { display: table-row; }
    body:has(#problems:checked) section.fine { display: block; }
    thead { display: table-header-group; }
    tr { break-inside: avoid; }
    h2 { break-after: avoid; }
    a { text-decoration: none; }
}
`;
