// Builds the studio's page: index.html and hashed files below assets/, none of them inline, so that
// the server can forbid inline scripts and styles.
import preact from "@preact/preset-vite";
import { resolve } from "node:path";
import { defineConfig, type Plugin } from "vite";

// The source is studio.html, beside report.html; what is served is index.html.
const asIndex = (): Plugin => ({
  name: "as-index",
  enforce: "post",
  generateBundle(_, bundle) {
    const page = bundle["studio.html"];
    if (page) page.fileName = "index.html";
  },
});

export default defineConfig({
  plugins: [preact(), asIndex()],
  build: {
    outDir: resolve(process.env["DEIXIS_WEB_OUT"] ?? "dist", "studio"),
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rollupOptions: { input: "studio.html" },
  },
});
