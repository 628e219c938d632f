// Builds report.html: one file with its script, style and charts inside, so that a report can be
// opened from a disk or a mail years later, with no network.
import preact from "@preact/preset-vite";
import { defineConfig } from "vitest/config";
import { viteSingleFile } from "vite-plugin-singlefile";

export default defineConfig({
  plugins: [preact(), viteSingleFile({ removeViteModuleLoader: true })],
  build: {
    outDir: process.env["DEIXIS_WEB_OUT"] ?? "dist",
    emptyOutDir: false,
    target: "es2022",
    rollupOptions: { input: "report.html" },
  },
  test: { include: ["test/**/*.test.ts"] },
});
