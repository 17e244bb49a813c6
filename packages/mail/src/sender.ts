/*
 * Whom a tenant's mail is from. Without settings it is from the installation's address, under which nobody can choose
 * another; with settings it is from addresses of the domain that they name. A DKIM key goes in or is made here, and
 * never comes out again: only the record for DNS does.
 *
 * Whether the tenant may use the domain is not known here: whoever offers these settings has to ask for a proof.
 */
import { createPrivateKey, createPublicKey, generateKeyPair, type KeyObject } from 'node:crypto'
import { promisify } from 'node:util'
import type { Database } from '@stoa/db'
import { type Ctx, errors, requirePermission, StoaError, seal, unseal } from '@stoa/kernel'
import { type AddressInput, asciiDomain, isMailbox, type Mailbox, mailboxOf } from './address.ts'
import { MailDeliveryError } from './delivery-error.ts'
import { mailErrors } from './errors.ts'
import { Faults } from './fields.ts'
import { refuseFaults } from './message.ts'
import type { DkimKey } from './mime.ts'
import { type SenderRow, senderOf, senderRemoved, senderSaved } from './sender-store.ts'

/** A tenant's sender. */
export interface Sender {
  readonly from: Mailbox
  readonly replyTo: string | null
  readonly dkim: SenderDkim | null
  /** From 1, one more with each change. */
  readonly version: number
  readonly updatedAt: Date
}

/** What is signed with, as far as it may be known. */
export interface SenderDkim {
  readonly domain: string
  readonly selector: string
  /** What has to stand in DNS for receivers to believe the signature. */
  readonly record: { readonly name: string; readonly type: 'TXT'; readonly value: string }
}

/** What a tenant's sender is to be. */
export interface SenderInput {
  readonly from: AddressInput
  /** Default: answers go to `from`. */
  readonly replyTo?: string | null | undefined
  /** Default: nothing is signed. */
  readonly dkim?: DkimInput | null | undefined
}

/** How to set a sender, or to take it away. */
export interface SetSenderOptions {
  /** Given the version that there is, 0 when there is none; throws when it is another than the caller's. Default: any. */
  readonly precondition?: ((version: number) => void) | undefined
}

/** What to sign with. */
export interface DkimInput {
  /** The domain of `from`, or one above it. */
  readonly domain: string
  /** 1–63 letters, digits and hyphens. A new key needs a new one: signatures of the old key are still on their way. */
  readonly selector: string
  /** RSA in PEM, 1 024–4 096 bits. Default: the one that this domain and selector have, else a new one of 2 048. */
  readonly privateKey?: string | undefined
}

/** What senders stand on. */
export interface SenderDeps {
  readonly db: Database
  /** Seals DKIM keys. 32 bytes. */
  readonly key: Buffer
}

/** The tenant's sender; null when it has none. Needs `mail:read`. */
export async function tenantSender({ db }: SenderDeps, ctx: Ctx): Promise<Sender | null> {
  requirePermission(ctx, 'mail:read')
  const row = await db.read(ctx, (tx) => tx.maybe(senderOf(ctx.tenant.id)))
  return row ? shown(row) : null
}

/**
 * Sets the tenant's sender, all of it. Needs `mail:configure`.
 *
 * @throws StoaError `mail_sender_invalid` with the fields at fault; `precondition_failed` when somebody else was first
 */
export async function saveSender(
  { db, key }: SenderDeps,
  ctx: Ctx,
  input: SenderInput,
  { precondition }: SetSenderOptions = {},
): Promise<Sender> {
  requirePermission(ctx, 'mail:configure')
  const { from, replyTo, dkim } = checkedSender(input)
  const given = dkim?.privateKey ?? null
  // Outside of the transaction: a new key takes a moment.
  const spare = dkim !== null && given === null ? await newKey() : null
  return db.transaction(ctx, async (tx) => {
    const before = await tx.maybe(senderOf(ctx.tenant.id))
    const version = before?.version ?? 0
    precondition?.(version)
    const pair = given ?? (dkim !== null && before && keeps(before, dkim) ? null : spare)
    const { dkimPublicKey = null, dkimSealedKey = null } = dkim === null ? {} : (before ?? {})
    const row = await tx.maybe(
      senderSaved(
        ctx.tenant.id,
        from.address,
        from.name,
        replyTo,
        dkim?.domain ?? null,
        dkim?.selector ?? null,
        pair ? publicKeyOf(pair) : dkimPublicKey,
        pair ? seal(key, pemOf(pair), placeOf(ctx.tenant.id)) : dkimSealedKey,
        `${ctx.actor.type}:${ctx.actor.id}`,
        new Date(ctx.clock.now()),
        version,
      ),
    )
    if (row === undefined) throw new StoaError(errors.precondition_failed)
    return shown(row)
  })
}

/**
 * Takes the tenant's sender away, and its key with it. Needs `mail:configure`.
 *
 * @returns whether there was one
 * @throws StoaError `precondition_failed` when it is another one
 */
export async function removeSender(
  { db }: SenderDeps,
  ctx: Ctx,
  { precondition }: SetSenderOptions = {},
): Promise<boolean> {
  requirePermission(ctx, 'mail:configure')
  return db.transaction(ctx, async (tx) => {
    const removed = await tx.maybe(senderRemoved(ctx.tenant.id))
    precondition?.(removed?.version ?? 0)
    return removed !== undefined
  })
}

/**
 * What a message from this address is signed with; null when nothing is.
 *
 * @throws MailDeliveryError `misconfigured` when the key was sealed with another secret
 */
export function signingKey(row: SenderRow | undefined, key: Buffer, tenantId: string, from: string): DkimKey | null {
  const { dkimDomain: domain, dkimSelector: selector, dkimSealedKey: sealed } = row ?? {}
  if (!domain || !selector || !sealed || !speaksFor(domain, from)) return null
  try {
    return { domain, selector, privateKey: unseal(key, sealed, placeOf(tenantId)).toString() }
  } catch (cause) {
    throw new MailDeliveryError('misconfigured', { cause, response: 'the DKIM key was sealed with another secret' })
  }
}

/** A DKIM key that is not in the database; or the first thing that is wrong with it. @param from whose mail it signs */
export function ownDkimKey(input: DkimInput, from: string): DkimKey | string {
  const faults = new Faults()
  const { domain, privateKey, selector } = checkedDkim(faults, input, from)
  if (privateKey === null) faults.add('/dkim/privateKey', 'required', 'is required')
  const [fault] = faults.fields
  if (fault) return `${fault.pointer.slice(1).replace('/', '.')} ${fault.message}`
  return { domain, selector, privateKey: pemOf(privateKey as KeyObject) }
}

/** What has to stand in DNS for receivers to believe what this key signs. */
export function dkimRecord({ domain, privateKey, selector }: DkimKey): SenderDkim['record'] {
  return recordOf(domain, selector, publicKeyOf(createPrivateKey(privateKey)))
}

/** Whether a key of `domain` speaks for an address (RFC 7489, relaxed alignment). */
function speaksFor(domain: string, address: string): boolean {
  const host = address.slice(address.lastIndexOf('@') + 1)
  return host === domain || host.endsWith(`.${domain}`)
}

interface CheckedSender {
  readonly from: Mailbox
  readonly replyTo: string | null
  readonly dkim: { readonly domain: string; readonly selector: string; readonly privateKey: KeyObject | null } | null
}

function checkedSender(input: SenderInput): CheckedSender {
  const faults = new Faults()
  const address = (pointer: string, value: AddressInput): Mailbox => {
    const box = mailboxOf(value)
    if (isMailbox(box)) return box
    faults.add(pointer, box.code, box.message)
    return { address: '', name: null }
  }
  const from = address('/from', input.from)
  const replyTo = input.replyTo == null ? null : address('/replyTo', input.replyTo).address
  const dkim = input.dkim == null ? null : checkedDkim(faults, input.dkim, from.address)
  refuseFaults(faults, '', mailErrors.mail_sender_invalid)
  return { from, replyTo, dkim }
}

function checkedDkim(
  faults: Faults,
  { domain, selector, privateKey }: DkimInput,
  from: string,
): NonNullable<CheckedSender['dkim']> {
  const ascii = typeof domain === 'string' && domain.length <= 253 ? asciiDomain(domain) : null
  if (ascii === null) faults.add('/dkim/domain', 'not_allowed', 'must be a domain')
  else if (from !== '' && !speaksFor(ascii, from)) {
    faults.add('/dkim/domain', 'not_allowed', 'must be the domain of the from-address, or one above it')
  }
  if (!/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/i.test(selector)) {
    faults.add('/dkim/selector', 'not_allowed', 'must be 1 to 63 letters, digits and hyphens')
  }
  const key = privateKey === undefined ? null : rsaKey(privateKey)
  if (privateKey !== undefined && key === null) {
    faults.add(
      '/dkim/privateKey',
      'not_allowed',
      'must be an RSA key in PEM, without a passphrase, of 1024 to 4096 bits',
    )
  }
  return { domain: ascii ?? '', selector, privateKey: key }
}

function rsaKey(pem: unknown): KeyObject | null {
  if (typeof pem !== 'string' || pem.length > 10_000) return null
  try {
    const key = createPrivateKey(pem)
    const bits = key.asymmetricKeyDetails?.modulusLength ?? 0
    return key.asymmetricKeyType === 'rsa' && bits >= 1_024 && bits <= 4_096 ? key : null
  } catch {
    return null
  }
}

const generate = promisify(generateKeyPair)

async function newKey(): Promise<KeyObject> {
  return (await generate('rsa', { modulusLength: 2048 })).privateKey
}

function keeps(row: SenderRow, dkim: { readonly domain: string; readonly selector: string }): boolean {
  return row.dkimSealedKey !== null && row.dkimDomain === dkim.domain && row.dkimSelector === dkim.selector
}

const pemOf = (key: KeyObject) => key.export({ type: 'pkcs8', format: 'pem' }) as string

function publicKeyOf(key: KeyObject): string {
  return createPublicKey(key).export({ type: 'spki', format: 'der' }).toString('base64')
}

const placeOf = (tenantId: string) => `mail/dkim/${tenantId}`

function shown(row: SenderRow): Sender {
  const { dkimDomain: domain, dkimSelector: selector, dkimPublicKey: publicKey } = row
  return {
    from: { address: row.fromAddress, name: row.fromName },
    replyTo: row.replyTo,
    dkim:
      domain === null || selector === null
        ? null
        : { domain, selector, record: recordOf(domain, selector, publicKey ?? '') },
    version: row.version,
    updatedAt: row.updatedAt,
  }
}

function recordOf(domain: string, selector: string, publicKey: string): SenderDkim['record'] {
  return { name: `${selector}._domainkey.${domain}`, type: 'TXT', value: `v=DKIM1; k=rsa; p=${publicKey}` }
}
