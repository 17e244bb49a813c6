import type { Route } from '@stoa/http'
import type { Mail } from '@stoa/mail'
import { getMail } from './get-mail.ts'
import { listMail } from './list-mail.ts'

/** What the routes call. */
export interface MailRoutesDeps {
  readonly mail: Mail
}

/** Every route of the room. */
export function mailRoutes({ mail }: MailRoutesDeps): Route[] {
  return [listMail(mail), getMail(mail)]
}
