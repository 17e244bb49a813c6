import { type Faults, isPlainText } from './fields.ts'
import type { MessageLimits } from './message.ts'

/** A file that goes with a message. */
export interface AttachmentInput {
  /** 1–200 characters, without a path. */
  readonly filename: string
  /** Bytes, or text that becomes UTF-8. */
  readonly content: Uint8Array | string
  /** Such as `application/pdf`. Default: by the end of the name. */
  readonly contentType?: string | undefined
  /** The id under which the HTML shows it, as `cid:logo`: it is shown in the message then and not below it. */
  readonly cid?: string | undefined
}

/** The same, checked. */
export interface Attachment {
  readonly filename: string
  readonly content: Buffer
  readonly contentType: string | null
  readonly cid: string | null
}

const TYPE = /^[a-z0-9][a-z0-9!#$&^_.+-]{0,63}\/[a-z0-9][a-z0-9!#$&^_.+-]{0,63}$/i

/** The attachments; what is wrong with them goes to the faults. */
export function checkedAttachments(
  faults: Faults,
  given: readonly AttachmentInput[],
  { maxAttachments, maxBytes }: MessageLimits,
): Attachment[] {
  if (!Array.isArray(given)) {
    faults.add('/attachments', 'wrong_type', 'must be a list')
    return []
  }
  if (given.length > maxAttachments) {
    faults.add('/attachments', 'too_many', `a message has at most ${maxAttachments} attachments`)
    return []
  }
  const attachments = given.map((input: AttachmentInput, index) => checked(faults, `/attachments/${index}`, input))
  const bytes = attachments.reduce((sum, { content }) => sum + content.length, 0)
  // As they are sent, in base64 and lines of 76.
  const sent = Math.ceil((bytes / 57) * 78)
  if (sent > maxBytes) {
    faults.add('/attachments', 'too_large', `a message has at most ${maxBytes} bytes as it is sent; these need ${sent}`)
  }
  return attachments
}

function checked(faults: Faults, pointer: string, input: AttachmentInput): Attachment {
  const { contentType, cid, content } = input
  const filename = faults.text(`${pointer}/filename`, input.filename, 200, 'one line')
  if (typeof input.filename === 'string' && (/[\\/]/.test(filename) || /^\.*$/.test(input.filename))) {
    faults.add(`${pointer}/filename`, 'not_allowed', 'must be the name of a file, without a path')
  }
  if (typeof content !== 'string' && !(content instanceof Uint8Array)) {
    faults.add(`${pointer}/content`, 'wrong_type', 'must be bytes or text')
  }
  if (contentType !== undefined && (!TYPE.test(contentType) || /^(multipart|message)\//i.test(contentType))) {
    faults.add(`${pointer}/contentType`, 'not_allowed', 'must be the type of a file, such as application/pdf')
  }
  if (cid !== undefined && !(isPlainText(cid) && /^[\w.@-]{1,100}$/.test(cid))) {
    faults.add(`${pointer}/cid`, 'not_allowed', 'must be 1 to 100 letters, digits, and . _ @ -')
  }
  return { filename, content: bytesOf(content), contentType: contentType ?? null, cid: cid ?? null }
}

function bytesOf(content: unknown): Buffer {
  if (typeof content === 'string') return Buffer.from(content)
  if (!(content instanceof Uint8Array)) return Buffer.alloc(0)
  return Buffer.from(content.buffer, content.byteOffset, content.byteLength)
}
