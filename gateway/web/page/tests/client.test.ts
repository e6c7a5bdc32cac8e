/** Frames, credentials and small rules of the client. */

import "fake-indexeddb/auto";
import { describe, expect, it } from "vitest";
import { socketUrl } from "../src/app/app";
import { addressOf, placeOf } from "../src/app/routes";
import { suggestions } from "../src/chat/slash";
import { Backoff } from "../src/client/backoff";
import { Credentials } from "../src/client/credentials";
import { decodeFrame, RpcError } from "../src/client/frames";
import { Vault } from "../src/client/vault";
import type { SlashCommand } from "../src/client/wire";
import { ago, size, span } from "../src/text/amounts";

describe("frames", () => {
  it.each(["", "null", "[]", "{", '{"type":"res"}', '{"type":"event"}', '{"type":"other","id":"1"}'])(
    "no frame: %s",
    (text) => {
      expect(decodeFrame(text)).toBeUndefined();
    },
  );

  it("are told apart by their type", () => {
    expect(decodeFrame('{"type":"event","event":"tick","seq":1}')).toMatchObject({ event: "tick", seq: 1 });
    expect(decodeFrame('{"type":"res","id":"1","ok":true}')).toMatchObject({ id: "1" });
  });

  it("carry errors to branch on", () => {
    const refusal = new RpcError({
      code: "NOT_PAIRED",
      message: "no",
      details: { code: "PAIRING_REQUIRED" },
    });
    expect([refusal.reason, refusal.retryable]).toEqual(["PAIRING_REQUIRED", false]);
    expect(new RpcError({ code: "FORBIDDEN", message: "no", details: null }).reason).toBe("FORBIDDEN");
  });
});

it("waits longer each time, but not for ever", () => {
  const backoff = new Backoff(() => 0.5);
  const waits = Array.from({ length: 12 }, () => backoff.nextMs());
  expect(waits.slice(0, 3)).toEqual([500, 850, 1445]);
  expect(waits.at(-1)).toBe(15_000);
  backoff.reset();
  expect(backoff.nextMs()).toBe(500);
});

describe("the secret of a link", () => {
  function at(hash: string): [string | undefined, string | undefined] {
    let shown: string | undefined;
    const history = {
      replaceState: (_s: unknown, _t: string, url: string) => (shown = url),
    } as unknown as History;
    return [Credentials.fromAddress({ hash, pathname: "/" } as Location, history), shown];
  }

  it("is taken out of the address", () => {
    expect(at("#token=a%20b")).toEqual(["a b", "/#/"]);
    expect(at("#token=")).toEqual([undefined, "/#/"]);
  });

  it("leaves other addresses alone, whatever they ask for", () => {
    expect(at("#/devices")).toEqual([undefined, undefined]);
    expect(at("#gatewayUrl=ws://evil.example")).toEqual([undefined, undefined]);
  });
});

it("connects to where the page came from, whatever its address says", () => {
  const url = (href: string) => socketUrl(new URL(href) as unknown as Location);
  expect(url("http://127.0.0.1:18789/?gatewayUrl=ws://evil.example#gatewayUrl=ws://evil.example")).toBe(
    "ws://127.0.0.1:18789/",
  );
  expect(url("https://desk.example/home/index.html")).toBe("wss://desk.example/home/");
});

describe("credentials", () => {
  it("prefer the device's own token, and fall back to a secret once", async () => {
    const vault = await Vault.open("credentials");
    const first = await Credentials.load(vault, "secret");
    expect(first.auth()).toEqual({ token: "secret", password: "secret" });
    await first.paired("own");
    expect(first.auth()).toEqual({ deviceToken: "own" });
    const again = await Credentials.load(vault, "link");
    expect(again.auth()).toEqual({ deviceToken: "own" });
    expect(await again.refused()).toBe(true);
    expect(again.auth()).toEqual({ token: "link", password: "link" });
    expect(await again.refused()).toBe(false);
    expect(again.auth()).toEqual({});
    expect((await Credentials.load(vault, undefined)).auth()).toEqual({});
    vault.close();
  });
});

describe("slash commands", () => {
  const queue = {
    name: "queue",
    textAliases: ["/queue"],
    description: "",
    acceptsArgs: true,
  } as SlashCommand;
  queue.args = [
    { name: "mode", description: "", type: "string", choices: [{ value: "steer", label: "steer" }] },
  ];
  const help = {
    name: "help",
    textAliases: ["/help", "/commands"],
    description: "List.",
    acceptsArgs: false,
  } as SlashCommand;

  it.each([
    ["/", ["/queue ", "/help"]],
    ["/HE", ["/help"]],
    ["/com", ["/help"]],
    ["/queue ", ["/queue steer"]],
    ["/queue steer", []],
    ["/queue a b", []],
    ["hello /he", []],
    ["/he\n", []],
  ])("%s", (typed, texts) => {
    expect(suggestions(typed, [queue, help]).map((each) => each.text)).toEqual(texts);
  });
});

describe("addresses", () => {
  it("go there and back", () => {
    expect(placeOf(addressOf("chat", "agent:main:a/b #?"))).toEqual({
      view: "chat",
      rest: "agent:main:a/b #?",
    });
    expect(placeOf("#/devices")).toEqual({ view: "devices", rest: "" });
  });

  it("that mean nothing are the chat", () => {
    for (const hash of ["", "#/", "#/nope/x", "#/chat/%", "#token=x"])
      expect(placeOf(hash)).toEqual({ view: "chat", rest: "" });
  });
});

it("writes amounts as people say them", () => {
  expect(span(3_600_000 * 27)).toBe("1 d 3 h");
  expect(span(10)).toBe("less than a second");
  expect(ago(null)).toBe("never");
  expect(ago(1_000, 2_000)).toBe("now");
  expect(ago(0, 3_725_000)).toBe("1 h ago");
  expect(size(1536)).toBe("1.5 KiB");
  expect(size(20)).toBe("20 bytes");
});
