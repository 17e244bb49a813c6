/*
 * What somebody was given in a tenant ends with their membership, and with its suspension. Rights are gone at once, because
 * they are looked up for each request; the rest is a task that is born in the same transaction: sign-ins of applications and
 * what these were given (refresh tokens, too, so that nothing comes to life when the suspension ends), and the applications
 * are told. Sessions are the person's and not the tenant's: they end when there is no tenant left that the person can use.
 */
import { type Database, statement, type Tx } from '@stoa/db'
import type { Ctx } from '@stoa/kernel'
import { defineJob, type JobDefinition, type Queue } from '@stoa/queue'
import { type Static, Type } from 'typebox'
import type { Sessions } from '../sign-in/sessions.ts'

/** What it stands on. */
export interface DeparturesDeps {
  readonly db: Database
  readonly queue: Pick<Queue, 'enqueue'>
  readonly sessions: Pick<Sessions, 'endIn'>
  /** Ends what applications of the tenant were given, in a transaction of the system role. */
  readonly endUses: (ctx: Ctx, tx: Tx, personId: string) => Promise<void>
}

const Input = Type.Object({ personId: Type.String({ format: 'uuid' }) }, { additionalProperties: false })

const activeMemberships = statement<[personId: string], { count: number }>(
  `select count(*) as count from stoa.memberships where person_id = $1 and status = 'active'`,
)

/** Ends what is left of memberships. */
export class Departures {
  readonly job: JobDefinition<typeof Input>
  readonly #deps: DeparturesDeps

  constructor(deps: DeparturesDeps) {
    this.#deps = deps
    this.job = defineJob({
      name: 'identity.departure',
      description: 'Ends what somebody was given by a membership that has ended or is suspended.',
      lane: 'critical',
      retries: 12,
      input: Input,
      run: (ctx, input) => this.#run(ctx, input),
    })
  }

  /** Has it done, once the caller's transaction commits. */
  ask(ctx: Ctx, tx: Tx, personId: string): void {
    this.#deps.queue.enqueue(ctx, tx, this.job, { personId })
  }

  async #run(ctx: Ctx, { personId }: Static<typeof Input>): Promise<void> {
    const { db, endUses, sessions } = this.#deps
    await db.system(ctx, async (tx) => {
      const { count } = await tx.one(activeMemberships(personId))
      if (count === 0) await sessions.endIn(ctx, tx, personId, { except: null }, 'suspended')
      await endUses(ctx, tx, personId)
    })
  }
}
