import type { Columns, Room } from '@stoa/module'
import { identityConfig } from './config.ts'

/** Opens the room on its columns. */
export function openRoom({ config }: Columns): Room {
  identityConfig(config)
  return { routes: [], [Symbol.asyncDispose]: async () => undefined }
}
