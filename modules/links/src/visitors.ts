/**
 * What is known of a visitor, from the headers of the visit: anybody may have written them, of any length, with any bytes
 * that HTTP lets through. Nothing here waits or throws.
 *
 * The same few user agents and referrers come again and again, so what was found of them is remembered.
 */
import { isbot } from 'isbot'
import { TextMemory } from './text-memory.ts'

/** Names in lower case. */
export type VisitHeaders = Readonly<Record<string, string | string[] | undefined>>

/** Longest part of a user agent that is looked at, in characters: the name stands in front. */
const USER_AGENT_MAX = 512
/** Longest referrer that is parsed, in characters. */
const REFERRER_MAX = 2048
const HOST_NAME_MAX = 253

/** Tells visitors apart. */
export class Visitors {
  readonly #bots = new TextMemory((agent) => isbot(agent))
  readonly #hosts = new TextMemory(referrerHost)

  /** Whether a program says by its user agent that it is one, or there is none. */
  isBot(agent: string | string[] | undefined): boolean {
    const text = single(agent)
    return text === '' || this.#bots.of(text.length > USER_AGENT_MAX ? text.slice(0, USER_AGENT_MAX) : text)
  }

  /** See {@link referrerHost}. */
  referrerHost(referrer: string | string[] | undefined): string | null {
    const text = single(referrer)
    return text === '' ? null : this.#hosts.of(text)
  }
}

/** A browser that loads a page before anybody asked for it says so in one of three ways. */
export function isPrefetch(headers: VisitHeaders): boolean {
  const purpose = headers['sec-purpose'] ?? headers.purpose ?? headers['x-moz']
  return purpose !== undefined && says(headers['sec-purpose'], headers.purpose, headers['x-moz'])
}

function says(...purposes: VisitHeaders[string][]): boolean {
  const purpose = purposes.map(single).find((text) => text !== '') ?? ''
  return /\b(prefetch|prerender|preview)\b/i.test(purpose.slice(0, 64))
}

/** The host of the page that held the link; null when there is none, or none that can be read. */
export function referrerHost(referrer: string): string | null {
  if (referrer === '' || referrer.length > REFERRER_MAX) return null
  const url = URL.parse(referrer)
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) return null
  return url.hostname.length > HOST_NAME_MAX ? null : url.hostname
}

function single(value: string | string[] | undefined): string {
  return (typeof value === 'object' ? value[0] : value) ?? ''
}
