/*
 * Using the database itself inside of a transaction, instead of the transaction, is a bug that shows late: on PGlite it
 * waits for ever, because the one connection is taken; on PostgreSQL it takes a second connection and, under load,
 * everybody holds one and waits for one. So it throws at once, on both, with the stack of the call and of the
 * transaction that is open.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import type { OpenTransaction } from './transaction.ts'

/**
 * The database was used inside of an open transaction that it does not belong to. `cause` has the stack of that
 * transaction.
 */
export class NestedTransactionError extends Error {
  override readonly name = 'NestedTransactionError'
}

interface Open {
  readonly tx: OpenTransaction
  readonly role: string
  readonly openedAt: { readonly stack?: string }
}

/** Knows the transaction that is open in the present asynchronous context. */
export class TransactionGuard {
  readonly #context = new AsyncLocalStorage<Open>()

  /** Runs `fn` with `tx` as the open transaction. */
  run<T>(tx: OpenTransaction, role: string, fn: () => Promise<T>): Promise<T> {
    const openedAt: { stack?: string } = {}
    Error.captureStackTrace(openedAt, this.run)
    return this.#context.run({ tx, role, openedAt }, fn)
  }

  /** Whether a transaction is open in the present asynchronous context. */
  get isOpen(): boolean {
    return this.#context.getStore()?.tx.ended === false
  }

  /**
   * The open transaction, when it is of the same role and tenant; null when none is open.
   *
   * @throws NestedTransactionError when one of another tenant or role is open
   */
  joinable(role: string, tenantId: string | null): OpenTransaction | null {
    const open = this.#context.getStore()
    if (!open || open.tx.ended) return null
    if (open.role === role && open.tx.tenantId === tenantId) return open.tx
    const opened = new Error('the open transaction began here')
    if (open.openedAt.stack) opened.stack = open.openedAt.stack.replace(/^Error/, `Error: ${opened.message}`)
    throw new NestedTransactionError(
      'The database was used inside of an open transaction of another tenant or role. Use the transaction that is open, or end it first.\n' +
        `The open transaction began here:\n${opened.stack}`,
      { cause: opened },
    )
  }
}
