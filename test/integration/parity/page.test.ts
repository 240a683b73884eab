/** The parity page in a real browser: on a screen, on a telephone, on paper, and for who does not see it. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { renderHtml } from "../../../validation/report/html.ts";
import { sampleFinding, sampleFindings, sampleReport } from "../../unit/parity/sample-report.ts";
import { Browser, withoutChromium } from "./chromium.ts";

const missing = withoutChromium();
if (missing !== undefined) console.log(`The parity page is not tested in a browser: ${missing}`);

(missing === undefined ? describe : describe.skip)("the parity page in Chromium", () => {
    let browser: Browser;
    let folder: string;

    beforeAll(async () => {
        folder = await mkdtemp(join(tmpdir(), "plumbline-page-"));
        const long = sampleFinding({
            property: "security_opt",
            result: "drift",
            expected: `["${"a-very-long-option-without-a-space".repeat(8)}"]`,
            actual: "none",
        });
        await writeFile(join(folder, "page.html"), renderHtml(sampleReport([...sampleFindings, long])));
        browser = await Browser.open();
        await browser.go(pathToFileURL(join(folder, "page.html")).href);
    });

    afterAll(async () => {
        await browser?.close();
        await rm(folder, { recursive: true, force: true });
    });

    const visibleRows = () =>
        browser.evaluate<string[]>(
            `[...document.querySelectorAll("tbody tr")].filter((row) => row.getClientRects().length > 0)
                .map((row) => row.querySelector("th code").textContent)`,
        );

    test("shows the baseline beside what runs, and texts of a container as texts [R37]", async () => {
        await browser.resize(1280, 900);
        const cells = await browser.evaluate<string[]>(
            `[...document.querySelectorAll("tbody tr")].find((row) => row.textContent.startsWith("command"))
                .innerText.split("\\t").map((text) => text.trim())`,
        );
        expect(cells[1]).toBe("none");
        expect(cells[2]).toContain('<script>alert("1")</script>');
        expect(cells[3]).toBe("✗ drift");
        const beside = await browser.evaluate<boolean>(
            `(([a, b]) => a.getBoundingClientRect().top === b.getBoundingClientRect().top
                && a.getBoundingClientRect().right <= b.getBoundingClientRect().left + 1)(document.querySelectorAll("tbody tr td"))`,
        );
        expect(beside).toBe(true);
        expect(await browser.evaluate("document.scripts.length")).toBe(0);
    });

    test("asks for nothing from anywhere, and its own policy lets its style through", async () => {
        const asked = browser.events
            .filter(({ method }) => method === "Network.requestWillBeSent")
            .map(({ params }) => (params?.request as { url?: string } | undefined)?.url ?? "unknown")
            .filter((url) => !url.endsWith("/page.html") && url !== "about:blank");
        expect(asked).toEqual([]);
        expect(browser.events.filter(({ method }) => method === "Log.entryAdded")).toEqual([]);
        const styled = await browser.evaluate("getComputedStyle(document.querySelector('h1')).fontSize");
        expect(styled).toBe("24px");
    });

    test("can be narrowed to what does not match by the keyboard alone", async () => {
        const all = await visibleRows();
        expect(all).toHaveLength(sampleFindings.length + 1);
        await browser.evaluate("document.querySelector('#problems').focus()");
        for (const type of ["keyDown", "keyUp"]) {
            await browser.send("Input.dispatchKeyEvent", { type, key: " ", code: "Space", text: " " });
        }
        expect(await visibleRows()).toEqual(["command", "security_opt", "HostConfig.NewThing", "user (process)"]);
    });

    test("is printed whole, also when it was narrowed, and in black", async () => {
        expect(await browser.evaluate("document.querySelector('#problems').checked")).toBe(true);
        await browser.send("Emulation.setEmulatedMedia", { media: "print" });
        expect(await visibleRows()).toHaveLength(sampleFindings.length + 1);
        const colour = await browser.evaluate("getComputedStyle(document.querySelector('td.drift')).color");
        expect(colour).toBe("rgb(0, 0, 0)");
        await browser.send("Emulation.setEmulatedMedia", { media: "" });
        const { data } = await browser.send("Page.printToPDF", { paperWidth: 8.27, paperHeight: 11.69 });
        expect(Buffer.from(String(data), "base64").subarray(0, 5).toString()).toBe("%PDF-");
        await browser.evaluate("document.querySelector('#problems').click()");
    });

    test.each([320, 390])(
        "fits a telephone of %i pixels: no sideways scrolling, one card a property",
        async (width) => {
            await browser.resize(width, 800);
            const { page, widest } = await browser.evaluate<{ page: number; widest: number }>(
                `({ page: document.documentElement.scrollWidth,
                widest: Math.max(...[...document.querySelectorAll("main *")].map((one) => one.getBoundingClientRect().right)) })`,
            );
            expect(page).toBeLessThanOrEqual(width);
            expect(widest).toBeLessThanOrEqual(width);
            const stacked = await browser.evaluate<boolean>(
                `(([a, b]) => a.getBoundingClientRect().bottom <= b.getBoundingClientRect().top + 1)(document.querySelectorAll("tbody tr td"))`,
            );
            expect(stacked).toBe(true);
            const box = await browser.evaluate<number>(
                "document.querySelector('.choice').getBoundingClientRect().height",
            );
            expect(box).toBeGreaterThanOrEqual(44);
        },
    );

    test("keeps its tables for who listens, also as cards", async () => {
        await browser.resize(390, 800);
        const { nodes } = (await browser.send("Accessibility.getFullAXTree")) as {
            nodes: { ignored: boolean; role?: { value: string }; name?: { value: string } }[];
        };
        const of = (role: string) => nodes.filter((node) => !node.ignored && node.role?.value === role);
        expect(of("table")).toHaveLength(3);
        expect(of("rowheader")).toHaveLength(sampleFindings.length + 1);
        expect(
            of("columnheader")
                .map(({ name }) => name?.value)
                .slice(0, 4),
        ).toEqual(["Property", "Baseline", "Runs", "Result"]);
        // The browser's tree has no order of reading.
        const headings = of("heading").map(({ name }) => name?.value ?? "");
        expect(headings.sort()).toEqual(["Parity of local", "Rules", "api", "redis", "worker"]);
        expect(of("checkbox").map(({ name }) => name?.value)).toEqual(["Show only what does not match"]);
        expect(await browser.evaluate("document.documentElement.lang")).toBe("en");
    });

    test.each(["light", "dark"])("has text of enough contrast when it is %s", async (scheme) => {
        await browser.resize(1280, 900);
        await browser.send("Emulation.setEmulatedMedia", {
            features: [{ name: "prefers-color-scheme", value: scheme }],
        });
        const pale = await browser.evaluate<string[]>(
            `(() => {
                const parse = (text) => text.match(/[\\d.]+/g).map(Number);
                const light = (rgb) => {
                    const [r, g, b] = rgb.map((c) => c / 255).map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
                    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
                };
                const behind = (node) => {
                    for (let at = node; at; at = at.parentElement) {
                        const rgb = parse(getComputedStyle(at).backgroundColor);
                        if (rgb.length === 3 || rgb[3] > 0) return rgb.slice(0, 3);
                    }
                    return [255, 255, 255];
                };
                return [...document.querySelectorAll("body *")]
                    .filter((node) => [...node.childNodes].some((child) => child.nodeType === 3 && child.data.trim()))
                    .map((node) => {
                        const a = light(parse(getComputedStyle(node).color).slice(0, 3)), b = light(behind(node));
                        return [node.outerHTML.slice(0, 80), (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)];
                    })
                    .filter(([, ratio]) => ratio < 4.5)
                    .map(([html, ratio]) => ratio.toFixed(2) + " " + html);
            })()`,
        );
        expect(pale).toEqual([]);
        await browser.send("Emulation.setEmulatedMedia", { features: [] });
    });
});
