/*
 * Messages of Amazon SNS, and whether they are what they say. Anybody can send to an open address, so the order of the
 * questions matters: is the topic one of ours, does the certificate come from that topic's region of Amazon and from
 * nowhere else, is it valid now, does the signature hold. Nothing is fetched for a topic that is not ours, and nothing
 * from a host that is not exactly Amazon's.
 */
import { createVerify, X509Certificate } from 'node:crypto'
import type { Agent } from 'node:https'
import { type BaseCtx, errors, StoaError } from '@stoa/kernel'
import { mailErrors } from './errors.ts'
import { httpsGet } from './https-get.ts'

/** A message whose signature holds. */
export interface SnsMessage {
  readonly type: 'Notification' | 'SubscriptionConfirmation' | 'UnsubscribeConfirmation'
  readonly topicArn: string
  readonly messageId: string
  readonly message: string
  /** Where a subscription is confirmed: an address of Amazon's; null in a notification. */
  readonly subscribeUrl: URL | null
}

/** SNS sends up to 256 KiB, and JSON in JSON needs room. */
const MAX_BODY_LENGTH = 1_048_576
const MAX_CERTIFICATES = 20
const GET = { timeoutMs: 10_000, maxBytes: 65_536 }

const SIGNED: Readonly<Record<SnsMessage['type'], readonly string[]>> = {
  Notification: ['Message', 'MessageId', 'Subject', 'Timestamp', 'TopicArn', 'Type'],
  SubscriptionConfirmation: ['Message', 'MessageId', 'SubscribeURL', 'Timestamp', 'Token', 'TopicArn', 'Type'],
  UnsubscribeConfirmation: ['Message', 'MessageId', 'SubscribeURL', 'Timestamp', 'Token', 'TopicArn', 'Type'],
}
const HASHES: Readonly<Record<string, string>> = { 1: 'RSA-SHA1', 2: 'RSA-SHA256' }

/** The pattern of a topic's name: partition, region, account, name. */
export const TOPIC_ARN = /^arn:(aws|aws-cn|aws-us-gov):sns:([a-z]{2,}(?:-[a-z]+)+-\d):\d{12}:[\w-]{1,256}(?:\.fifo)?$/

/** Reads and checks messages of some topics. */
export class SnsMessages {
  readonly #topicArns: ReadonlySet<string>
  readonly #agent: Agent | undefined
  /** By address; the newest last. */
  readonly #certificates = new Map<string, Promise<X509Certificate>>()

  constructor(topicArns: readonly string[], agent: Agent | undefined) {
    this.#topicArns = new Set(topicArns)
    this.#agent = agent
  }

  /**
   * The message, checked.
   *
   * @throws StoaError `invalid_request`: it is none; `mail_feedback_refused`: it is not from where it says;
   * `unavailable` when the certificate cannot be fetched: SNS sends again
   */
  async read(ctx: BaseCtx, body: string): Promise<SnsMessage> {
    const fields = fieldsOf(body)
    const { Type: type, TopicArn: topicArn = '', SignatureVersion: version = '', Signature: signature = '' } = fields
    if (!isType(type)) throw new StoaError(errors.invalid_request)
    if (!this.#topicArns.has(topicArn)) throw refused('the topic is not one of ours', { topicArn })
    const hash = HASHES[version]
    if (hash === undefined) throw refused('the version of the signature is not known', { version })
    const url = amazonUrl(fields.SigningCertURL, topicArn)
    if (
      url === null ||
      !/^\/SimpleNotificationService-[0-9a-zA-Z]{1,64}\.pem$/.test(url.pathname) ||
      url.search !== ''
    ) {
      throw refused('the certificate is not from Amazon', { url: fields.SigningCertURL })
    }
    const certificate = await this.#certificate(url)
    const now = ctx.clock.now()
    if (now < Date.parse(certificate.validFrom) || now > Date.parse(certificate.validTo)) {
      this.#certificates.delete(url.href)
      throw refused('the certificate is not valid now', { url: url.href })
    }
    const verify = createVerify(hash).update(canonical(type, fields), 'utf8')
    if (
      certificate.publicKey.asymmetricKeyType !== 'rsa' ||
      !verify.verify(certificate.publicKey, signature, 'base64')
    ) {
      throw refused('the signature does not hold', { topicArn })
    }
    const { MessageId: messageId = '', Message: message = '' } = fields
    return { type, topicArn, messageId, message, subscribeUrl: subscribeUrlOf(type, fields, topicArn) }
  }

  /** Confirms a subscription. @throws StoaError `unavailable` when Amazon does not answer: SNS sends again */
  async confirm(url: URL): Promise<void> {
    await this.#get(url)
  }

  #certificate(url: URL): Promise<X509Certificate> {
    const known = this.#certificates.get(url.href)
    if (known) return known
    const fetched = this.#get(url).then((pem) => {
      try {
        return new X509Certificate(pem)
      } catch (cause) {
        throw refused('the certificate cannot be read', { url: url.href, cause })
      }
    })
    this.#certificates.set(url.href, fetched)
    fetched.catch(() => this.#certificates.delete(url.href))
    const [oldest] = this.#certificates.keys()
    if (this.#certificates.size > MAX_CERTIFICATES && oldest !== undefined) this.#certificates.delete(oldest)
    return fetched
  }

  async #get(url: URL): Promise<string> {
    try {
      return await httpsGet(url, { ...GET, agent: this.#agent })
    } catch (cause) {
      throw new StoaError(errors.unavailable, { cause, context: { host: url.host } })
    }
  }
}

function isType(type: string | undefined): type is SnsMessage['type'] {
  return type !== undefined && Object.hasOwn(SIGNED, type)
}

/** @throws StoaError `invalid_request` */
function fieldsOf(body: string): Readonly<Record<string, string | undefined>> {
  let value: unknown
  try {
    value = body.length <= MAX_BODY_LENGTH ? JSON.parse(body) : null
  } catch (cause) {
    throw new StoaError(errors.invalid_request, { cause })
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new StoaError(errors.invalid_request)
  // What is no text is signed by nobody.
  return Object.fromEntries(Object.entries(value).filter(([, field]) => typeof field === 'string'))
}

/** An address at the endpoint of SNS in the topic's own region; null for any other. */
function amazonUrl(text: string | undefined, topicArn: string): URL | null {
  const [, partition, region] = TOPIC_ARN.exec(topicArn) ?? []
  if (text === undefined || region === undefined || !URL.canParse(text)) return null
  const url = new URL(text)
  const host = `sns.${region}.amazonaws.com${partition === 'aws-cn' ? '.cn' : ''}`
  const plain = url.username === '' && url.password === '' && url.port === '' && url.hash === ''
  return url.protocol === 'https:' && url.hostname === host && plain ? url : null
}

function subscribeUrlOf(
  type: SnsMessage['type'],
  fields: Readonly<Record<string, string | undefined>>,
  topicArn: string,
): URL | null {
  if (type === 'Notification') return null
  const url = amazonUrl(fields.SubscribeURL, topicArn)
  const asked = url?.searchParams
  if (url?.pathname === '/' && asked?.get('Action') === 'ConfirmSubscription' && asked.get('TopicArn') === topicArn) {
    return url
  }
  throw refused('the address of the confirmation is not from Amazon', { url: fields.SubscribeURL })
}

/** What is signed: names and values line by line; an absent Subject is left out. */
function canonical(type: SnsMessage['type'], fields: Readonly<Record<string, string | undefined>>): string {
  return SIGNED[type].map((name) => (fields[name] === undefined ? '' : `${name}\n${fields[name]}\n`)).join('')
}

function refused(
  why: string,
  { cause, ...context }: { readonly cause?: unknown } & Record<string, unknown>,
): StoaError {
  return new StoaError(mailErrors.mail_feedback_refused, { context: { why, ...context }, cause })
}
