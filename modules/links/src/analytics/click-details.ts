/**
 * What is kept of a click besides its time, its link and the referrer's host: what the visitor's program says of itself,
 * the first language, the place, and a hash that stands for the visitor for a day. It is found out here, when clicks are
 * written, for all of them together; no address and no user agent goes further. Of a visitor who asks not to be followed,
 * and of a program, there is no hash; of the former nothing else either.
 *
 * The columns that are counted by are one text, the profile: its parts in the order of {@link PROFILE}, each on a line of
 * its own. There are few different ones, they come and go together, and a row stays small.
 */
import type { Click } from '../clicks/clicks.ts'
import { NOWHERE, type Place, type Places } from './geo.ts'
import type { Agent } from './visitor-agent.ts'
import { type DayVisitors, dayOf, type VisitorSalts } from './visitor-salts.ts'

/** What a profile has on its lines, in this order. */
export const PROFILE = ['country', 'region', 'city', 'device', 'browser', 'os', 'language', 'bot'] as const

/** The details of clicks, in their order. */
export interface ClickDetails {
  /** In UTF-8; null when nothing is known. */
  readonly profiles: readonly (Buffer | null)[]
  /** Eight bytes; null for programs, and for those who are not to be followed. */
  readonly visitors: readonly (Buffer | null)[]
}

/** What is known of each agent, with a language at a place: the same objects again and again. */
type Profiles = WeakMap<Agent, WeakMap<Place, Map<string | null, Buffer | null>>>

/** Languages of an agent at a place that are remembered. */
const LANGUAGES = 50

/** Finds out the details of clicks. */
export class ClickDetailsFinder {
  readonly #geo: Pick<Places, 'placeOf'>
  readonly #salts: Pick<VisitorSalts, 'at'>
  readonly #profiles: Profiles = new WeakMap()

  constructor(geo: Pick<Places, 'placeOf'>, salts: Pick<VisitorSalts, 'at'>) {
    this.#geo = geo
    this.#salts = salts
  }

  /** The details of clicks of one tenant. Rejects when the database cannot be asked for the key of a day. */
  async find(clicks: readonly Click[]): Promise<ClickDetails> {
    const days = await this.#days(clicks)
    const profiles: (Buffer | null)[] = []
    const visitors: (Buffer | null)[] = []
    for (const click of clicks) {
      profiles.push(this.#profile(click))
      const { address, agent, at, tenant } = click
      const day = address === null || agent.isBot ? null : days(at)
      visitors.push(day?.of(tenant.id, address as string, agent) ?? null)
    }
    return { profiles, visitors }
  }

  /** Clicks that are written together are of one day, but around midnight. */
  async #days(clicks: readonly Click[]): Promise<(at: number) => DayVisitors | null> {
    const first = clicks.reduce((least, { at }) => Math.min(least, at), Number.POSITIVE_INFINITY)
    const last = clicks.reduce((most, { at }) => Math.max(most, at), 0)
    const one = await this.#salts.at(last)
    if (dayOf(first) === dayOf(last)) return () => one
    const found = new Map<string, DayVisitors | null>()
    for (const { at } of clicks) if (!found.has(dayOf(at))) found.set(dayOf(at), await this.#salts.at(at))
    return (at) => found.get(dayOf(at)) ?? null
  }

  #profile({ address, agent, language }: Click): Buffer | null {
    const place = address === null ? NOWHERE : this.#geo.placeOf(address)
    const known = this.#known(agent, place)
    // Of a browser that asks not to be followed nothing is kept: it shares this with nobody who has a language.
    const key = address === null ? '' : language
    const found = known.get(key)
    if (found !== undefined) return found
    const made = address === null && !agent.isBot ? null : profile(agent, place, language)
    if (known.size < LANGUAGES) known.set(key, made)
    return made
  }

  #known(agent: Agent, place: Place): Map<string | null, Buffer | null> {
    let places = this.#profiles.get(agent)
    if (!places) {
      places = new WeakMap()
      this.#profiles.set(agent, places)
    }
    let languages = places.get(place)
    if (!languages) {
      languages = new Map()
      places.set(place, languages)
    }
    return languages
  }
}

function profile({ facts }: Agent, place: Place, language: string | null): Buffer | null {
  const values: Readonly<Record<(typeof PROFILE)[number], string | null>> = { ...place, ...facts, language }
  const text = PROFILE.map((name) => values[name] ?? '').join('\n')
  return text.length === PROFILE.length - 1 ? null : Buffer.from(text)
}
