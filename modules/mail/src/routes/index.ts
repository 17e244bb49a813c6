import type { Route } from '@stoa/http'
import type { Mail } from '@stoa/mail'
import type { Senders } from '../senders.ts'
import type { SesFeedback } from '../ses-feedback.ts'
import type { Suppressions } from '../suppressions.ts'
import { addMailSuppression } from './add-mail-suppression.ts'
import { getMail } from './get-mail.ts'
import { getMailContent } from './get-mail-content.ts'
import { getMailSender } from './get-mail-sender.ts'
import { listMail } from './list-mail.ts'
import { listMailSuppressions } from './list-mail-suppressions.ts'
import { receiveSesFeedback } from './receive-ses-feedback.ts'
import { removeMailSender } from './remove-mail-sender.ts'
import { removeMailSuppression } from './remove-mail-suppression.ts'
import { updateMailSender } from './update-mail-sender.ts'

/** What the routes call. */
export interface MailRoutesDeps {
  readonly mail: Mail
  readonly suppressions: Suppressions
  readonly senders: Senders
  readonly feedback: SesFeedback
}

/** Every route of the room. */
export function mailRoutes({ feedback, mail, senders, suppressions }: MailRoutesDeps): Route[] {
  return [
    listMail(mail),
    getMail(mail),
    getMailContent(mail),
    addMailSuppression(suppressions),
    listMailSuppressions(mail),
    removeMailSuppression(suppressions),
    getMailSender(senders),
    updateMailSender(senders),
    removeMailSender(senders),
    receiveSesFeedback(feedback),
  ]
}
