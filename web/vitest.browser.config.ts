// The tests that drive a real browser; `npm run test:browser`.
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: { include: ["browser/**/*.test.ts"], testTimeout: 120_000, fileParallelism: false },
});
