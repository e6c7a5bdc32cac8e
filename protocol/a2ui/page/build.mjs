// Builds the canvas page: one script for the page itself and one for each version of A2UI, which share the names
// of their custom elements and so never meet in one document. Beside them lie the schemas of the same packages,
// by which messages are checked before they are drawn.
import { cp, mkdir } from "node:fs/promises";
import { parseArgs } from "node:util";
import { build } from "esbuild";

const { values } = parseArgs({ options: { outDir: { type: "string", default: "../dist" } } });
const target = values.outDir;
const schemas = "node_modules/@a2ui/web_core/src";

await build({
  entryPoints: ["src/host.ts", "src/frame-v0_8.ts", "src/frame-v0_9.ts", "src/page.css", "src/frame.css"],
  outdir: target,
  bundle: true,
  minify: true,
  legalComments: "linked",
  format: "iife",
  target: "es2022",
  loader: { ".woff2": "file" },
  assetNames: "[name]",
  external: ["*.woff"],
});
await cp("html", target, { recursive: true });
await mkdir(`${target}/schemas`, { recursive: true });
await cp(
  `${schemas}/v0_8/schemas/server_to_client_with_standard_catalog.json`,
  `${target}/schemas/v0_8.json`,
);
await cp(`${schemas}/v0_9/schemas/server_to_client.json`, `${target}/schemas/v0_9.json`);
await cp(`${schemas}/v0_9/schemas/common_types.json`, `${target}/schemas/v0_9_common.json`);
await cp(`${schemas}/v0_9/schemas/catalogs/basic/catalog.json`, `${target}/schemas/v0_9_catalog.json`);
