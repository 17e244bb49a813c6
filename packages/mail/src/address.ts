/*
 * Addresses. What is taken is what every provider takes: a dot-atom of ASCII before the @ (RFC 5321), a domain with at
 * least one dot after it, in letters or in Punycode. Quoted local parts, address literals and letters beyond ASCII
 * before the @ (RFC 6531, which half of the world's servers still refuse) are not: they get a clear no, at once, instead
 * of a bounce.
 */
import { domainToASCII } from 'node:url'
import { errors, StoaError } from '@stoa/kernel'
import { isPlainText } from './fields.ts'

/** An address, with the name of whoever it belongs to where that is known. */
export type AddressInput = string | { readonly address: string; readonly name?: string | undefined }

/** An address as it is sent to. */
export interface Mailbox {
  /** ASCII; the domain in lower case, in Punycode. */
  readonly address: string
  /** Up to 200 characters on one line; null when there is none. */
  readonly name: string | null
}

/** Why something is no address. */
export interface AddressFault {
  readonly code: 'required' | 'control_character' | 'bad_address' | 'not_supported' | 'too_long'
  readonly message: string
}

const LOCAL = /^[\w!#$%&'*+/=?^`{|}~-]+(?:\.[\w!#$%&'*+/=?^`{|}~-]+)*$/
const DOMAIN = /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])$/
const MAX_ADDRESS_LENGTH = 254
const MAX_LOCAL_LENGTH = 64
const MAX_NAME_LENGTH = 200

/** The mailbox, or why it is none. */
export function mailboxOf(input: unknown): Mailbox | AddressFault {
  const { address: given, name: called } =
    typeof input === 'string' ? { address: input, name: undefined } : partsOf(input)
  if (typeof given !== 'string' || given === '') return { code: 'required', message: 'must be an address' }
  if (!isPlainText(given)) return { code: 'control_character', message: 'must not contain control characters' }
  // No address is longer in letters than in Punycode, so this also bounds what is worked on.
  if (given.length > MAX_ADDRESS_LENGTH) return tooLong
  const at = given.lastIndexOf('@')
  const local = given.slice(0, at)
  if (at < 1) return { code: 'bad_address', message: 'must be an address such as ann@example.org' }
  if (/[^\0-\x7f]/.test(local)) {
    return { code: 'not_supported', message: 'letters beyond ASCII before the @ are not supported' }
  }
  if (!LOCAL.test(local)) return { code: 'bad_address', message: 'the part before the @ cannot be used' }
  const domain = asciiDomain(given.slice(at + 1))
  if (domain === null) return { code: 'bad_address', message: 'the domain cannot be used' }
  const address = `${local}@${domain}`
  if (local.length > MAX_LOCAL_LENGTH || address.length > MAX_ADDRESS_LENGTH) return tooLong
  if (called === undefined || called === null || called === '') return { address, name: null }
  if (typeof called !== 'string' || !isPlainText(called)) {
    return { code: 'control_character', message: 'the name must be text on one line' }
  }
  if (called.length > MAX_NAME_LENGTH) {
    return { code: 'too_long', message: `the name must have at most ${MAX_NAME_LENGTH} characters` }
  }
  return { address, name: called }
}

/**
 * An address as people write it into a setting: `Shop <shop@example.org>`, or the bare one.
 *
 * @throws StoaError `invalid_options`
 */
export function writtenAddress(text: string): Mailbox {
  const [, name, address] = /^\s*"?([^"<>]*?)"?\s*<([^<>]+)>\s*$/.exec(text) ?? []
  const box = mailboxOf(address === undefined ? text : { address, name })
  if (isMailbox(box)) return box
  throw new StoaError(errors.invalid_options, { message: `the address ${box.message}` })
}

/** The domain of an address as it goes over the wire: lower case, Punycode; null when it is no address. */
export function domainOf(input: AddressInput): string | null {
  const box = mailboxOf(input)
  return isMailbox(box) ? box.address.slice(box.address.lastIndexOf('@') + 1) : null
}

const tooLong: AddressFault = {
  code: 'too_long',
  message: `must have at most ${MAX_ADDRESS_LENGTH} characters, ${MAX_LOCAL_LENGTH} of them before the @`,
}

function partsOf(input: unknown): { readonly address?: unknown; readonly name?: unknown } {
  return typeof input === 'object' && input !== null ? input : {}
}

/** Whether it is one. */
export function isMailbox(result: Mailbox | AddressFault): result is Mailbox {
  return 'address' in result
}

/** A domain as it goes over the wire, or null: lower case, Punycode (IDNA), at least two labels. */
export function asciiDomain(text: string): string | null {
  // What the parser of URLs would take to mean something else.
  if (/[\s%/\\:?#[\]@<>]/.test(text)) return null
  const domain = domainToASCII(text)
  return domain.length <= 253 && DOMAIN.test(domain) ? domain : null
}

/** What two spellings of one address have in common. Upper and lower case differ nowhere that matters. */
export function sameAddressAs(address: string): string {
  return address.toLowerCase()
}
