/**
 * Builds the dashboard into `dist`, below `/dashboard/`, with hashed file names, and runs its unit
 * tests. Nothing is inlined as `data:`, since the balancer's policy allows its own host only.
 */
import react from '@vitejs/plugin-react'
import type { Plugin, Rolldown } from 'vite'
import { defineConfig } from 'vitest/config'

const MAIN = /\/dashboard\/src\/main\.tsx$/

interface Modules {
  getModuleInfo(id: string): Rolldown.ModuleInfo | null
}

const known = new Map<string, boolean>()

/** Whether `main.tsx` needs it before it runs. */
function isOfMain(id: string, modules: Modules): boolean {
  const answer = known.get(id)
  if (answer !== undefined) return answer
  // Modules that import each other in a circle are asked for while they are looked at.
  known.set(id, MAIN.test(id))
  const isNeeded =
    MAIN.test(id) ||
    (modules.getModuleInfo(id)?.importers ?? []).some((importer) => isOfMain(importer, modules))
  known.set(id, isNeeded)
  return isNeeded
}

/** What `main.tsx` needs is fetched together with the first module, which asks for it only when it runs. */
function preloadMain(): Plugin {
  return {
    name: 'preload-main',
    transformIndexHtml: {
      order: 'post',
      handler(html, { bundle = {} }) {
        const chunks = Object.values(bundle).filter((file) => file.type === 'chunk')
        const main = chunks.find(({ moduleIds }) => moduleIds.some((id) => MAIN.test(id)))
        if (main === undefined) return []
        const styles = [...(main.viteMetadata?.importedCss ?? [])]
        const scripts = [main.fileName, ...main.imports]
        return [
          ...styles.map((file) => linkTo(file, 'stylesheet')),
          ...scripts.map((file) => linkTo(file, 'modulepreload')),
        ].filter(({ attrs }) => !html.includes(attrs.href))
      },
    },
  }
}

function linkTo(file: string, rel: string) {
  return {
    tag: 'link',
    attrs: { rel, crossorigin: true, href: `${BASE}${file}` },
    injectTo: 'head' as const,
  }
}

const BASE = '/dashboard/'

export default defineConfig({
  base: BASE,
  plugins: [react(), preloadMain()],
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 600,
    modulePreload: { polyfill: false },
    target: 'es2022',
    rolldownOptions: {
      output: {
        // zod decides when the first schema is made whether it may compile: its settings go where it is, so that
        // no chunk of schemas runs before them. What the page asks first is a chunk without any other. All that
        // the first drawing of every page needs is one file: each costs the browser a turn, even from its cache.
        codeSplitting: {
          groups: [
            {
              name: 'begin',
              test: /src\/(begin|paths|page-code)\.ts|session\/(begin-)?session\.ts|page-socket|load-messages|preload-helper/,
              priority: 3,
            },
            { name: 'zod', test: /node_modules\/zod\/|src\/zod-settings/, priority: 2 },
            {
              debugName: 'main',
              name: (id, modules) => (isOfMain(id, modules) ? 'main' : null),
              priority: 1,
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
