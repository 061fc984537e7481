/**
 * Unpacks the browser of `@sparticuz/chromium` and the shared libraries that it needs into TMPDIR.
 * Run as a process by chromium.ts, because the package knows no other way to be told where to.
 */
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { inflate } from '@sparticuz/chromium'

if (process.platform !== 'linux' || process.arch !== 'x64') {
  throw new Error(
    `the packaged Chromium is for Linux on x64, this is ${process.platform} on ${process.arch}: ` +
      'install Chromium or Chrome and set CHROMIUM_PATH to it',
  )
}

const archives = join(dirname(fileURLToPath(import.meta.resolve('@sparticuz/chromium'))), '..', 'bin')
for (const name of ['al2023.tar.br', 'fonts.tar.br', 'swiftshader.tar.br', 'chromium.br']) {
  await inflate(join(archives, name))
}
