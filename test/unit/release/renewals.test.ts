/** How the resource of a container is called, and whose it is. */
import { expect, test } from "@jest/globals";
import { containerResource, serviceOfResource } from "../../../release/renewals.ts";

test("a container's resource is named after its revision, and after how often it was made anew [R31]", () => {
    expect(containerResource("api", "3f9c1a2b")).toBe("api-3f9c1a2b");
    const renewals = { "api-3f9c1a2b": 2, "worker-3f9c1a2b": 1 };
    expect(containerResource("api", "3f9c1a2b", renewals)).toBe("api-3f9c1a2b-r2");
    expect(containerResource("api", "0c0ffee0", renewals)).toBe("api-0c0ffee0");
});

test("and tells its service either way", () => {
    for (const name of ["my-api-3f9c1a2b", "my-api-3f9c1a2b-r1", "my-api-3f9c1a2b-r12"])
        expect(serviceOfResource(name)).toBe("my-api");
    expect(serviceOfResource("a-r1-3f9c1a2b")).toBe("a-r1");
});
