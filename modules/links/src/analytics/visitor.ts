/**
 * What rules ask of a visitor. Each is found when a rule asks for it, and once; from headers that anybody may have written.
 */
import { isIPv6 } from 'node:net'
import type { Geo } from './geo.ts'
import { type Agent, agentOf } from './user-agent.ts'

/** A visit, as it came. */
export interface VisitFacts {
  /** In milliseconds since the epoch. */
  readonly at: number
  /** Empty when it is not known. */
  readonly address: string
  /** Empty when there is none. */
  readonly userAgent: string
  readonly acceptLanguage: string
  readonly query: URLSearchParams
  /** Default: that of the address. */
  readonly country?: string
}

/** Whoever follows a link. */
export class Visitor {
  readonly #facts: () => VisitFacts
  readonly #geo: Geo
  #known: VisitFacts | null = null
  #address: string | null = null
  #agent: Agent | null = null
  #country: string | null | undefined
  #language: string | null | undefined

  /** @param facts asked once, when something is wanted of them */
  constructor(facts: () => VisitFacts, geo: Geo) {
    this.#facts = facts
    this.#geo = geo
  }

  get facts(): VisitFacts {
    this.#known ??= this.#facts()
    return this.#known
  }

  /** Without a zone; an IPv4 address that came as IPv6 (`::ffff:192.0.2.1`) is the IPv4 address. */
  get address(): string {
    this.#address ??= plainAddress(this.facts.address)
    return this.#address
  }

  get agent(): Agent {
    this.#agent ??= agentOf(this.facts.userAgent)
    return this.#agent
  }

  /** By ISO 3166-1; null when it is not known. */
  get country(): string | null {
    if (this.#country === undefined) this.#country = this.facts.country ?? this.#countryOfAddress()
    return this.#country
  }

  #countryOfAddress(): string | null {
    return this.address === '' ? null : this.#geo.countryOf(this.address)
  }

  /** The language that is wanted most, in lower case (`de-ch`); null when none is named. */
  get language(): string | null {
    if (this.#language === undefined) this.#language = wantedLanguage(this.facts.acceptLanguage)
    return this.#language
  }
}

/** See {@link Visitor.address}. */
export function plainAddress(address: string): string {
  const zone = address.indexOf('%')
  const bare = zone < 0 ? address : address.slice(0, zone)
  const mapped = /^::ffff:(\d{1,3}(?:\.\d{1,3}){3})$/i.exec(bare)?.[1]
  if (mapped !== undefined) return mapped
  const hex = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/i.exec(bare)
  if (!hex || !isIPv6(bare)) return bare
  const [high, low] = [Number.parseInt(hex[1] ?? '', 16), Number.parseInt(hex[2] ?? '', 16)]
  return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`
}

/** Longest `Accept-Language` that is read, in characters, and the most languages of it. */
const HEADER_MAX = 512
const LANGUAGES_MAX = 16

/** The first of those with the highest quality (RFC 9110 §12.5.4). */
export function wantedLanguage(header: string): string | null {
  let wanted: string | null = null
  let best = 0
  for (const range of header.slice(0, HEADER_MAX).toLowerCase().split(',', LANGUAGES_MAX)) {
    const [tag = '', ...parameters] = range.split(';').map((part) => part.trim())
    if (!/^[a-z]{2,8}(-[a-z0-9]{1,8}){0,4}$/.test(tag)) continue
    const quality = parameters.find((parameter) => parameter.startsWith('q='))
    const weight = quality === undefined ? 1 : Number(quality.slice(2))
    if (weight > best && weight <= 1) {
      best = weight
      wanted = tag
    }
  }
  return wanted
}
