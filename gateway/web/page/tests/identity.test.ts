/** The proof of protocol/signature.py, as a browser makes it. */

import { describe, expect, it } from "vitest";
import { base64url, proofText } from "../src/client/identity";
import { browserName, connectParams } from "../src/client/introduction";

describe("the signed text", () => {
  const params = connectParams({ token: "t" }, undefined);

  it("joins what the gateway joins, in its order", () => {
    expect(proofText(params, "id", "nonce", 12)).toBe(
      `v3|id|homarus-web|webchat|operator|${params.scopes?.join(",")}|12|t|nonce|web|browser`,
    );
  });

  it("signs the device token when that is what is shown", () => {
    const later = connectParams({ deviceToken: "d" }, { epoch: "e", cursor: 4 });
    expect(proofText(later, "id", "n", 1).split("|")[7]).toBe("d");
    expect(later.resume).toEqual({ epoch: "e", cursor: 4 });
  });

  it("is empty where nothing is shown", () => {
    expect(proofText(connectParams({}, undefined), "id", "n", 1).split("|")[7]).toBe("");
  });
});

it("writes base64url without padding", () => {
  expect(base64url(new Uint8Array([251, 255, 254]).buffer)).toBe("-__-");
  expect(base64url(new Uint8Array([1]).buffer)).toBe("AQ");
});

it("names browsers as people do", () => {
  const chrome =
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0 Safari/537.36";
  expect(browserName(chrome)).toBe("Chrome on Linux");
  expect(browserName("Mozilla/5.0 (iPhone; CPU iPhone OS 18_4 like Mac OS X) Version/18 Safari/604.1")).toBe(
    "Safari on iOS",
  );
  expect(browserName("curl")).toBe("Browser on an unknown system");
});
