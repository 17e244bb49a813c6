import { dkimRecord, MailDeliveryError, transportOf } from '@stoa/mail'
import type { Config } from '../config/config.ts'
import { placeOf } from '../failure.ts'
import { type Finding, findings, reasonOf } from './finding.ts'

/** Whoever carries mail answers, and knows us. */
export async function mailFindings({ rooms }: Pick<Config, 'rooms'>): Promise<Finding[]> {
  const { dkim, folder, sesCredentials = null, url } = rooms.mail
  const { ok, warn } = findings('Mail')
  const signed = dkim ? [ok(signedAs(dkim))] : []
  if (url === null) return [ok(`Mail goes into files in ${folder}: nothing leaves.`), ...signed]
  const place = placeOf(url)
  await using transport = transportOf(url, { sesCredentials })
  try {
    await transport.check()
    return [ok(`${transport.name === 'ses' ? 'SES' : 'The server'} at ${place} would take mail.`), ...signed]
  } catch (error) {
    const said = error instanceof MailDeliveryError && error.response !== '' ? error.response : reasonOf(error)
    return [
      warn(`${place} does not take mail: ${said.replace(/\.$/, '')}.`, 'Check STOA_MAIL_URL. Until then, mail waits.'),
      ...signed,
    ]
  }
}

function signedAs(dkim: Parameters<typeof dkimRecord>[0]): string {
  const { name, value } = dkimRecord(dkim)
  return `Mail from ${dkim.domain} is signed. In DNS, the TXT record ${name} has to be: ${value}.`
}
