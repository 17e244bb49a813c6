/**
 * What is known of a visitor, from the headers of the visit: anybody may have written them, of any length, with any bytes
 * that HTTP lets through. Nothing here waits or throws.
 *
 * The same few user agents and referrers come again and again, so what was found of them is remembered.
 */
import { TextMemory } from '../clicks/text-memory.ts'
import { wantedLanguage } from './visitor.ts'
import { Agent, NO_AGENT } from './visitor-agent.ts'

/** Names in lower case. */
export type VisitHeaders = Readonly<Record<string, string | string[] | undefined>>

/** Longest part of a user agent that is looked at, in characters: the name stands in front. */
const USER_AGENT_MAX = 512
/** Longest referrer that is parsed, in characters. */
const REFERRER_MAX = 2048
const HOST_NAME_MAX = 253

/** Tells visitors apart. */
export class Visitors {
  readonly #agents = new TextMemory((text) => new Agent(text))
  readonly #hosts = new TextMemory(referrerHost)
  readonly #languages = new TextMemory((accepted) => wantedLanguage(accepted)?.split('-', 1)[0] ?? null)

  /** What followed the link. */
  agent(agent: string | string[] | undefined): Agent {
    const text = single(agent)
    if (text === '') return NO_AGENT
    return this.#agents.of(text.length > USER_AGENT_MAX ? copied(text.slice(0, USER_AGENT_MAX)) : text)
  }

  /** The language that is wanted most, without its region: `pt` of `pt-BR,en;q=0.8`. */
  language(accepted: string | string[] | undefined): string | null {
    const text = single(accepted)
    return text === '' ? null : this.#languages.of(text)
  }

  /** See {@link referrerHost}. */
  referrerHost(referrer: string | string[] | undefined): string | null {
    const text = single(referrer)
    return text === '' ? null : this.#hosts.of(text)
  }
}

/** Whoever asks not to be followed (Global Privacy Control, Do Not Track) is counted, and nothing is kept of him. */
export function isPrivate(headers: VisitHeaders): boolean {
  return headers['sec-gpc'] === '1' || headers.dnt === '1'
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

/** A part of a text keeps the whole of it in memory; this does not. */
function copied(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1')
}

function single(value: string | string[] | undefined): string {
  return (typeof value === 'object' ? value[0] : value) ?? ''
}
