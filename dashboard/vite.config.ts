/**
 * Builds the dashboard into `dist`, below `/dashboard/`, with hashed file names, and runs its unit
 * tests. Nothing is inlined as `data:`, since the balancer's policy allows its own host only.
 */
import react from '@vitejs/plugin-react'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  base: '/dashboard/',
  plugins: [react()],
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: 'es2022',
    rolldownOptions: {
      output: {
        // zod decides when the first schema is made whether it may compile: its settings go where it is, so that
        // no chunk of schemas runs before them. What the page asks first needs neither words nor React, and is not
        // kept waiting by either.
        codeSplitting: {
          groups: [
            { name: 'zod', test: /node_modules\/zod\/|src\/zod-settings/ },
            {
              name: 'begin',
              test: /protocol\/src\/|src\/begin\.ts|src\/session\/(begin-)?session\.ts|src\/feed\/(?!use-)[\w-]+\.ts$/,
            },
          ],
        },
      },
    },
  },
  test: {
    environment: 'happy-dom',
    include: ['src/**/*.test.{ts,tsx}'],
    setupFiles: ['src/test-setup.ts'],
    restoreMocks: true,
    testTimeout: 60_000,
  },
})
