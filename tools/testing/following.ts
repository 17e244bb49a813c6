/*
 * `node:test` follows every promise, timer and socket from where it was made. While a file is imported it has to:
 * `describe` and `it` find out so what they stand in. After that it serves one thing only, to lay an error that nobody
 * caught at a test, and what it costs then is a seventh of the time of all tests. So it follows while a file is imported
 * and no longer; test-program.ts tells of errors that nobody caught.
 */
import { type AsyncHook, createHook } from 'node:async_hooks'

let hook: AsyncHook | undefined
const every = Object.getPrototypeOf(createHook({})) as AsyncHook
const { enable } = every

// `node:test` has no handle for it. Its hook is the first that is enabled: it is so by the first `describe`.
every.enable = function () {
  every.enable = enable
  hook = this
  return enable.call(this)
}

/** What is made from now on is followed. */
export function follow(): void {
  hook?.enable()
}

/** Nothing is followed any more. */
export function unfollow(): void {
  hook?.disable()
}
