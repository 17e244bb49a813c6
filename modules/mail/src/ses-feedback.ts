import { type BaseCtx, StoaError } from '@stoa/kernel'
import { mailErrors, type SesIntake } from '@stoa/mail'

/** Bounces and complaints, as SES tells them by SNS. */
export class SesFeedback {
  readonly #intake: SesIntake | null
  readonly #ctx: BaseCtx

  /**
   * @param intake null: no topic is expected to bring any, and all of them are refused
   * @param ctx the system's: whoever sends is not asked who it is, but for a signature of Amazon's
   */
  constructor(intake: SesIntake | null, ctx: BaseCtx) {
    this.#intake = intake
    this.#ctx = ctx
  }

  /**
   * Takes one message of SNS in; the same one again changes nothing.
   *
   * @throws StoaError `invalid_request`, `mail_feedback_refused`, `unavailable`
   */
  async receive({ log, requestId, signal, traceId }: BaseCtx, body: string): Promise<void> {
    if (this.#intake === null) throw new StoaError(mailErrors.mail_feedback_refused, { context: { why: 'no topics' } })
    const { actor, clock, permissions } = this.#ctx
    await this.#intake.receive({ actor, clock, permissions, log, requestId, signal, traceId }, body)
  }
}
