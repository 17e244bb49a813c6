import { join } from 'node:path'
import { createSesIntake, domainOf, ownDkimKey, type SesCredentials, transportOf, writtenAddress } from '@stoa/mail'
import { commaList } from './comma-list.ts'
import type { Environment } from './env.ts'

type MailEnvironment = Pick<
  Environment,
  | 'STOA_MAIL_URL'
  | 'STOA_MAIL_FROM'
  | 'STOA_MAIL_RETURN_PATH'
  | 'STOA_MAIL_DKIM_SELECTOR'
  | 'STOA_MAIL_DKIM_KEY'
  | 'STOA_MAIL_SENDER_PROOF'
  | 'STOA_MAIL_DAYS'
  | 'STOA_MAIL_SES_TOPICS'
  | 'AWS_ACCESS_KEY_ID'
  | 'AWS_SECRET_ACCESS_KEY'
  | 'AWS_SESSION_TOKEN'
>

/** Nobody has this domain (RFC 2606): mail in files is from it until somebody says whom it is from. */
const FROM_NOBODY = 'stoa@stoa.invalid'

/** What is said to the room of mail. */
export function mailOf(env: MailEnvironment, dataDir: string) {
  const sesCredentials = credentialsOf(env)
  const dkim = dkimOf(env)
  return {
    url: env.STOA_MAIL_URL ?? null,
    folder: join(dataDir, 'mail'),
    ...(sesCredentials !== null && { sesCredentials }),
    from: fromOf(env.STOA_MAIL_FROM ?? FROM_NOBODY),
    ...(dkim !== null && { dkim }),
    returnPath: env.STOA_MAIL_RETURN_PATH === undefined ? null : writtenAddress(env.STOA_MAIL_RETURN_PATH).address,
    senderProof: env.STOA_MAIL_SENDER_PROOF,
    sesTopics: commaList(env.STOA_MAIL_SES_TOPICS),
    keepDays: env.STOA_MAIL_DAYS,
  }
}

/** What is wrong with the variables of mail; null when nothing is. */
export function mailFlaw(env: MailEnvironment): string | null {
  const { STOA_MAIL_FROM: from, STOA_MAIL_RETURN_PATH: returnPath, STOA_MAIL_URL: url } = env
  const topicArns = commaList(env.STOA_MAIL_SES_TOPICS)
  if (url !== undefined && from === undefined) return 'STOA_MAIL_URL is set and STOA_MAIL_FROM is not'
  if (url?.startsWith('ses:') && credentialsOf(env) === null) {
    return 'STOA_MAIL_URL is that of SES, and AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not both set'
  }
  const { STOA_MAIL_DKIM_KEY: key, STOA_MAIL_DKIM_SELECTOR: selector } = env
  if ((key === undefined) !== (selector === undefined)) {
    return 'STOA_MAIL_DKIM_SELECTOR and STOA_MAIL_DKIM_KEY go together'
  }
  return (
    flawOf('STOA_MAIL_FROM', () => from !== undefined && writtenAddress(from)) ??
    dkimFlaw(env) ??
    flawOf('STOA_MAIL_RETURN_PATH', () => returnPath !== undefined && writtenAddress(returnPath)) ??
    flawOf('STOA_MAIL_SES_TOPICS', () => topicArns.length > 0 && createSesIntake({ topicArns }, { mail: nobody })) ??
    flawOf('STOA_MAIL_URL', () => url !== undefined && transportOf(url, { sesCredentials: credentialsOf(env) }))
  )
}

const nobody = { recordFeedback: () => Promise.reject(new Error('no feedback is taken in here')) }

function flawOf(name: string, read: () => unknown): string | null {
  try {
    read()
    return null
  } catch (error) {
    return `${name}: ${(error as Error).message}`
  }
}

function dkimOf(env: MailEnvironment) {
  const { STOA_MAIL_DKIM_KEY: key, STOA_MAIL_DKIM_SELECTOR: selector } = env
  if (key === undefined || selector === undefined) return null
  const { address } = writtenAddress(env.STOA_MAIL_FROM ?? FROM_NOBODY)
  return {
    domain: domainOf(address) ?? '',
    selector,
    privateKey: key.replaceAll('\\n', '\n'),
  }
}

function dkimFlaw(env: MailEnvironment): string | null {
  const dkim = dkimOf(env)
  const key = dkim && ownDkimKey(dkim, `post@${dkim.domain}`)
  return typeof key === 'string' ? `STOA_MAIL_DKIM_SELECTOR, STOA_MAIL_DKIM_KEY: ${key}` : null
}

function credentialsOf(env: MailEnvironment): SesCredentials | null {
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = env
  if (accessKeyId === undefined || secretAccessKey === undefined) return null
  const { AWS_SESSION_TOKEN: sessionToken } = env
  return { accessKeyId, secretAccessKey, ...(sessionToken !== undefined && { sessionToken }) }
}

function fromOf(text: string) {
  const { address, name } = writtenAddress(text)
  return { address, ...(name !== null && { name }) }
}
