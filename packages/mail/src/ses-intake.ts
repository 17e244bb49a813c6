import type { Agent } from 'node:https'
import { type BaseCtx, errors, StoaError } from '@stoa/kernel'
import type { FeedbackReport } from './feedback.ts'
import type { Mail } from './mail.ts'
import { sesFeedback } from './ses-feedback.ts'
import { SnsMessages, TOPIC_ARN } from './sns-message.ts'

/** Options of {@link createSesIntake}. */
export interface SesIntakeOptions {
  /** The topics that bounces and complaints come by: `arn:aws:sns:eu-central-1:123456789012:mail-feedback`. 1–20. */
  readonly topicArns: readonly string[]
}

/** What {@link createSesIntake} stands on. */
export interface SesIntakeDeps {
  readonly mail: Pick<Mail, 'recordFeedback'>
  /** Connects to Amazon, for certificates and confirmations. Default: Node's own. */
  readonly agent?: Agent | undefined
}

/** What came of a message of SNS. */
export interface SesIntakeReport {
  readonly kind: 'feedback' | 'confirmed' | 'ended' | 'ignored'
  /** What changed; null when it was no feedback. */
  readonly feedback: FeedbackReport | null
}

/** Takes in what SES tells by SNS over HTTPS. */
export interface SesIntake {
  /**
   * Takes one message in: checks where it is from, confirms a subscription, records bounces and complaints. Taking the
   * same in again changes nothing.
   *
   * @param body the body of the request, as it came: SNS calls it `text/plain`
   * @throws StoaError `invalid_request`: not a message of SNS; `mail_feedback_refused`: not of one of the topics, or
   * not signed by Amazon; `unavailable` (retryable) when Amazon or the database does not answer: SNS sends again
   */
  receive(ctx: BaseCtx, body: string): Promise<SesIntakeReport>
}

/** @throws StoaError `invalid_options` */
export function createSesIntake({ topicArns }: SesIntakeOptions, { mail, agent }: SesIntakeDeps): SesIntake {
  const wrong = topicArns.find((arn) => !TOPIC_ARN.test(arn))
  if (wrong !== undefined || topicArns.length === 0 || topicArns.length > 20) {
    const message = `createSesIntake: topicArns must be 1 to 20 topics like arn:aws:sns:eu-central-1:123456789012:name (got ${wrong ?? topicArns.length})`
    throw new StoaError(errors.invalid_options, { message })
  }
  const messages = new SnsMessages(topicArns, agent)
  return Object.freeze<SesIntake>({
    async receive(ctx, body) {
      const { message, subscribeUrl, topicArn, type } = await messages.read(ctx, body)
      if (type === 'UnsubscribeConfirmation') {
        ctx.log.warn({ topicArn }, 'a subscription to bounces and complaints has ended')
        return { kind: 'ended', feedback: null }
      }
      if (subscribeUrl !== null) {
        await messages.confirm(subscribeUrl)
        ctx.log.info({ topicArn }, 'a subscription to bounces and complaints is confirmed')
        return { kind: 'confirmed', feedback: null }
      }
      const feedback = sesFeedback(message)
      if (feedback === null) return { kind: 'ignored', feedback: null }
      return { kind: 'feedback', feedback: await mail.recordFeedback(ctx, feedback) }
    },
  })
}
