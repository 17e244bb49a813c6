/*
 * Schemas that every module needs, so that an id, a time or a nullable field is the same everywhere in the API.
 */
import { type Static, type TSchema, Type } from 'typebox'

/** A UUIDv7. */
export const Id = Type.String({ format: 'uuid', description: 'UUIDv7.' })

/** A moment of an answer: a Date in the program, RFC 3339 in UTC outside. */
export const Timestamp = Type.Unsafe<Date>({ type: 'string', format: 'date-time', description: 'RFC 3339, UTC.' })

/** A moment of a request: text in RFC 3339 with a time zone. */
export const TimestampInput = Type.String({ format: 'date-time', maxLength: 35, description: 'RFC 3339.' })

/** The params of a route with `:id`. */
export const IdParams = Type.Object({ id: Id })

/** The schema, or null. Of a schema with a single `type`; for others use `Type.Union`. */
export function Nullable<T extends TSchema>(schema: T) {
  const { type } = schema as { readonly type?: unknown }
  if (typeof type !== 'string') throw new TypeError('Nullable takes a schema with one type')
  return Type.Unsafe<Static<T> | null>({ ...schema, type: [type, 'null'] })
}

/** One of these words. */
export function OneOf<const T extends readonly string[]>(words: T, options: object = {}) {
  return Type.Unsafe<T[number]>({ ...options, type: 'string', enum: [...words] })
}
