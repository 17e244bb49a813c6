/*
 * Versions of a resource as entity tags (RFC 9110 §8.8.3). An updatable resource has an integer `version`; its tag is
 * that number in quotes, always strong. If-Match (§13.1.1) compares strongly, so a weak tag never matches;
 * If-None-Match (§13.1.2) compares weakly.
 */
import { errors, StoaError } from '@stoa/kernel'

/** The entity tag of a version: `"7"`. */
export function etag(version: number): string {
  return `"${version}"`
}

/** The precondition `If-Match`: which versions the caller has seen. */
export class IfMatch {
  /** True for `*`: any version, as long as the resource exists. */
  readonly any: boolean
  /** The versions named. Tags that are weak, or not ours, are left out: they match nothing. */
  readonly versions: readonly number[]

  private constructor(any: boolean, versions: readonly number[]) {
    this.any = any
    this.versions = versions
  }

  /**
   * Reads the header.
   *
   * @throws StoaError `invalid_request` when it is not a list of entity tags (at most 20) or `*`
   */
  static parse(header: string): IfMatch {
    if (header.trim() === '*') return new IfMatch(true, [])
    const tags = tagsOf(header)
    if (tags === null) {
      throw new StoaError(errors.invalid_request, { message: 'If-Match is not a list of entity tags.' })
    }
    return new IfMatch(false, tags.flatMap(versionOf))
  }

  /** Whether this version is one that the caller means. */
  matches(version: number): boolean {
    return this.any || this.versions.includes(version)
  }

  /**
   * Passes when this version is one that the caller means.
   *
   * @throws StoaError `precondition_failed`
   */
  check(version: number): void {
    if (!this.matches(version)) throw new StoaError(errors.precondition_failed, { context: { version } })
  }
}

const ENTITY_TAG = /^\s*((?:W\/)?"[\x21\x23-\x7e\x80-\xff]*")\s*$/
const MAX_TAGS = 20

function tagsOf(header: string): string[] | null {
  const parts = header.split(',', MAX_TAGS + 1)
  if (parts.length > MAX_TAGS) return null
  const tags: string[] = []
  for (const part of parts) {
    const tag = ENTITY_TAG.exec(part)?.[1]
    if (tag === undefined) return null
    tags.push(tag)
  }
  return tags
}

function versionOf(tag: string): number[] {
  const digits = /^"(\d{1,15})"$/.exec(tag)?.[1]
  return digits === undefined ? [] : [Number(digits)]
}

/**
 * Whether `If-None-Match` names this entity tag, so that the answer is 304. A header that cannot be read names nothing.
 */
export function noneMatchHolds(header: string, tag: string): boolean {
  if (header.trim() === '*') return true
  const bare = tag.startsWith('W/') ? tag.slice(2) : tag
  return tagsOf(header)?.some((one) => (one.startsWith('W/') ? one.slice(2) : one) === bare) ?? false
}

/** Whether an answer with this schema shows one resource that has versions, or says so, and carries its entity tag. */
export function isVersioned(schema: unknown): boolean {
  if ((schema as { readonly tagged?: boolean } | undefined)?.tagged) return true
  const fields = propertiesOf(schema)
  return 'version' in fields || Object.values(fields).some((field) => 'version' in propertiesOf(field))
}

function propertiesOf(schema: unknown): Readonly<Record<string, unknown>> {
  return (schema as { readonly properties?: Readonly<Record<string, unknown>> } | undefined)?.properties ?? {}
}
