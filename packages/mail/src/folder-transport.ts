// The engine that needs nothing: every message becomes a file `<id>.eml` that mail programs open.

import { randomUUID } from 'node:crypto'
import { rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { makeFolder, type OptionsInput, resolveOptions } from '@stoa/kernel'
import { attempt } from './attempt.ts'
import { MailDeliveryError } from './delivery-error.ts'
import type { MailTransport } from './transport.ts'

const OPTIONS = {
  /** Where the files go. It is made, for its owner alone, when it is not there. */
  folder: { type: 'string', minLength: 1 },
  /** How long writing may take, in milliseconds. 100–600 000. Default 30 000. */
  timeoutMs: { type: 'integer', min: 100, max: 600_000, default: 30_000 },
} as const

/** Options of {@link createFolderTransport}. */
export type FolderTransportOptions = OptionsInput<typeof OPTIONS>

/**
 * Writes mail into a folder: whole files, readable by their owner alone. The envelope stands above the message as
 * `X-Envelope-From` and `X-Envelope-To`, because hidden receivers are nowhere else. An attempt that is made again
 * writes the same file again.
 */
export function createFolderTransport(options: FolderTransportOptions): MailTransport {
  const { folder, timeoutMs } = resolveOptions(OPTIONS, options, { name: 'createFolderTransport' })
  const closing = new AbortController()
  const transport: MailTransport = {
    name: 'folder',
    timeoutMs,
    maxRecipients: 1_000,
    maxBytes: 100 * 1024 * 1024,
    replacesHeaders: [],
    send: (mail, options = {}) =>
      attempt(transport, mail, options, closing.signal, async (signal) => {
        if (!/^[\w.-]{1,200}$/.test(mail.id) || mail.id.startsWith('.')) {
          throw new MailDeliveryError('refused', { response: 'the id cannot be the name of a file' })
        }
        const name = `${mail.id}.eml`
        const envelope = [`X-Envelope-From: <${mail.from}>`, ...mail.to.map((to) => `X-Envelope-To: <${to}>`), '']
        try {
          await write(folder, name, Buffer.concat([Buffer.from(envelope.join('\r\n')), mail.content]), signal)
        } catch (cause) {
          throw new MailDeliveryError(signal.aborted ? 'interrupted' : 'unreachable', { cause })
        }
        return { providerId: name, accepted: mail.to, rejected: [] }
      }),
    check: () => Promise.resolve(),
    async [Symbol.asyncDispose]() {
      closing.abort(new Error('the transport is closed'))
    },
  }
  return Object.freeze(transport)
}

/** A reader never sees half a file. */
async function write(folder: string, name: string, content: Buffer, signal: AbortSignal): Promise<void> {
  await makeFolder(folder)
  const draft = join(folder, `.${name}.${randomUUID()}`)
  try {
    await writeFile(draft, content, { mode: 0o600, flag: 'wx', signal })
    await rename(draft, join(folder, name))
  } catch (error) {
    await rm(draft, { force: true }).catch(() => undefined)
    throw error
  }
}
