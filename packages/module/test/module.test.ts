import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { defineRoute, type Route } from '@stoa/http'
import { defineEvent } from '@stoa/journal'
import { defineErrors, silentLogger, systemClock } from '@stoa/kernel'
import { Type } from 'typebox'
import { type Columns, defineModule, type Module, type Room } from '../src/index.ts'

const event = (type: string, version: number) =>
  defineEvent({ type, version, description: 'Something happened.', data: Type.Object({}) })

const route = (operationId: string, permission: string | null): Route =>
  defineRoute({
    method: 'GET',
    url: `/${operationId}`,
    operationId,
    tags: ['test'],
    summary: 'Answers',
    permission,
    schema: { response: { 204: Type.Null() } },
    handler: () => null,
  })

/** A room that notes whether it was closed. */
function roomOf(routes: readonly Route[]): Room & { closed: boolean } {
  return {
    routes,
    closed: false,
    async [Symbol.asyncDispose]() {
      this.closed = true
    },
  }
}

const sound: Module = {
  name: 'field-trips',
  description: 'Takes people outside.',
  migrations: { owner: 'field-trips', migrations: [] },
  permissions: { 'field-trips:read': 'See trips.', 'field-trips:write': 'Plan trips.' },
  events: [event('trip.planned', 1), event('trip.planned', 2), event('trip.ended', 1)],
  errors: defineErrors({ trip_over: { kind: 'conflict', message: 'The trip is over.' } }),
  tables: { trips: 'A trip.', trip_guests: 'Somebody on a trip.' },
  create: () => roomOf([route('listTrips', 'field-trips:read'), route('showMap', null)]),
}

/** A room that needs none of its columns. */
const columns = { log: silentLogger, clock: systemClock, config: {} } as Columns

describe('a manifest', () => {
  test('that is sound opens its room, and is frozen', async () => {
    const module = defineModule(sound)
    assert.ok(Object.isFrozen(module))
    const room = await module.create(columns)
    assert.deepEqual(
      room.routes.map(({ operationId }) => operationId),
      ['listTrips', 'showMap'],
    )
  })

  const flaws: readonly [rule: string, flaw: Partial<Module>, message: RegExp][] = [
    ['has a name in lower case', { name: 'FieldTrips' }, /module 'FieldTrips': its name is not lower case/],
    ['has a name without a dash at its end', { name: 'trips-' }, /its name is not lower case/],
    ['says what it is', { description: ' ' }, /has no description/],
    ['owns its migrations', { migrations: { owner: 'trips', migrations: [] } }, /its migrations are owned by 'trips'/],
    [
      'names its permissions after itself',
      { permissions: { 'links:read': 'See links.' } },
      /'links:read' does not begin with 'field-trips:'/,
    ],
    [
      'names its permissions in words',
      { permissions: { 'field-trips:Read all': 'See trips.' } },
      /'field-trips:Read all' is not like 'field-trips:write'/,
    ],
    [
      'says what a permission allows',
      { permissions: { 'field-trips:read': '' } },
      /'field-trips:read' does not say what it allows/,
    ],
    [
      'defines each version of an event once',
      { events: [event('trip.planned', 1), event('trip.planned', 1)] },
      /the event 'trip\.planned', version 1, is there twice/,
    ],
    ['names tables', { tables: { 'trips; drop table links': 'Trouble.' } }, /is not the name of a table/],
    [
      'has its errors from defineErrors',
      { errors: { trip_over: { code: 'trip_past', kind: 'conflict', message: 'Over.' } } },
      /the error 'trip_over' is not made by defineErrors/,
    ],
  ]
  for (const [rule, flaw, message] of flaws) {
    test(rule, () => {
      assert.throws(
        () => defineModule({ ...sound, ...flaw }),
        (error) => error instanceof TypeError && message.test(error.message),
      )
    })
  }
})

describe('the room that a manifest makes', () => {
  const open = async (routes: readonly Route[]) => {
    const room = roomOf(routes)
    const opened = defineModule({ ...sound, create: async () => room }).create(columns)
    return { room, opened: Promise.resolve(opened) }
  }

  test('asks for no permission that is not declared, and is closed when it does', async () => {
    const { room, opened } = await open([route('listTrips', 'field-trips:raed')])
    await assert.rejects(opened, {
      name: 'TypeError',
      message: /listTrips needs 'field-trips:raed', which is not declared, did you mean 'field-trips:read'\?/,
    })
    assert.equal(room.closed, true)
  })

  test('has no operation twice, and is closed when it does', async () => {
    const { room, opened } = await open([route('listTrips', null), route('listTrips', null)])
    await assert.rejects(opened, /the operation 'listTrips' is there twice/)
    assert.equal(room.closed, true)
  })

  test('is what it was made as, with what it waits for', async () => {
    const room = { ...roomOf([]), ready: async () => undefined }
    const opened = await defineModule({ ...sound, create: () => room }).create(columns)
    assert.equal(opened, room)
  })

  test('that cannot be opened says why', async () => {
    const module = defineModule({ ...sound, create: () => Promise.reject(new Error('no map')) })
    await assert.rejects(Promise.resolve(module.create(columns)), /no map/)
  })
})
