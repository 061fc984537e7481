/** Runs before every test file: unmounts what the last test rendered and speaks English. */
import { cleanup, configure } from '@testing-library/react'
import { afterEach } from 'vitest'

// A page is loaded when it is first shown, which takes its time on a busy machine.
configure({ asyncUtilTimeout: 25_000 })

afterEach(() => {
  cleanup()
  localStorage.clear()
})
