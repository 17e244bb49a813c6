/*
 * Answers are written by functions that are compiled from their schemas: several times as fast as JSON.stringify, and
 * nothing leaves that no schema names. Each is compiled when the first answer of its kind is written: an installation
 * has hundreds, and most processes give some; and once for a process, however many applications give it.
 */
import { SerializerSelector } from '@fastify/fast-json-stringify-compiler'
import type { FastifyInstance } from 'fastify'

type Serialise = (data: unknown) => string

const kept = new WeakMap<object, Serialise>()

/** Gives the application what writes its answers. */
export function useSerialisation(app: FastifyInstance): void {
  const compile = SerializerSelector()({}, {})
  app.setSerializerCompiler<object>((route) => {
    let serialise: Serialise | undefined
    return (data) => {
      serialise ??= compiled(route.schema, () => compile(route as never) as Serialise)
      return serialise(data)
    }
  })
}

function compiled(schema: object, compile: () => Serialise): Serialise {
  let serialise = kept.get(schema)
  if (serialise === undefined) {
    serialise = compile()
    kept.set(schema, serialise)
  }
  return serialise
}
