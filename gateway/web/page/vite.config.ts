import { defineConfig } from "vitest/config";

export default defineConfig({
  // Relative, so that the page works below whatever path a proxy puts it.
  base: "./",
  build: {
    outDir: "../dist",
    emptyOutDir: true,
    target: "es2022",
    // A data: script or style would need a hole in the Content-Security-Policy.
    assetsInlineLimit: 0,
    cssCodeSplit: false,
    modulePreload: { polyfill: false },
    sourcemap: false,
  },
  test: { environment: "jsdom", include: ["tests/**/*.test.ts"], reporters: "dot" },
});
