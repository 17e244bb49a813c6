import { join } from 'node:path'
import { createSesIntake, type SesCredentials, transportOf, writtenAddress } from '@stoa/mail'
import { commaList } from './comma-list.ts'
import type { Environment } from './env.ts'

type MailEnvironment = Pick<
  Environment,
  | 'STOA_MAIL_URL'
  | 'STOA_MAIL_FROM'
  | 'STOA_MAIL_RETURN_PATH'
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
  return {
    url: env.STOA_MAIL_URL ?? null,
    folder: join(dataDir, 'mail'),
    ...(sesCredentials !== null && { sesCredentials }),
    from: fromOf(env.STOA_MAIL_FROM ?? FROM_NOBODY),
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
  return (
    flawOf('STOA_MAIL_FROM', () => from !== undefined && writtenAddress(from)) ??
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
