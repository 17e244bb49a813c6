import { type BaseCtx, repeat } from '@stoa/kernel'
import type { Mail } from '@stoa/mail'

const DAY_MS = 86_400_000
/** The first time is a while after the start, which has other things to do. */
const FIRST_MS = 90_000

/** Deletes old messages every day until it is disposed. A failure is logged, and the next day tries again. */
export function retainMail(mail: Pick<Mail, 'forget'>, ctx: BaseCtx, days: number): AsyncDisposable {
  const work = async (signal: AbortSignal): Promise<void> => {
    const deleted = await mail.forget({ ...ctx, signal }, days)
    if (deleted > 0) ctx.log.info({ deleted, days }, 'old mail deleted')
  }
  const onError = (err: unknown) => ctx.log.error({ err }, 'old mail could not be deleted; tomorrow tries again')
  return repeat(work, { clock: ctx.clock, firstMs: FIRST_MS, everyMs: DAY_MS, onError })
}
