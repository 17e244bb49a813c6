/**
 * A database or Redis server that belongs to the caller. It is gone when the caller's process is, however that ends.
 */
export interface EngineServer extends AsyncDisposable {
  /** Where clients connect; the same before and after {@link EngineServer.restart}. */
  readonly url: string
  /** The last lines that it wrote. */
  log(): string
  /** Its main process, another one after a restart; null while it is down, and for a container. */
  pid(): number | null
  /** Stops it in an orderly way (open connections are cut) and removes what it left. Safe to call twice. */
  stop(): Promise<void>
  /**
   * Ends it with all of its processes at once (`kill -9`), as a crash would. The data stay for
   * {@link EngineServer.restart}.
   */
  kill(): Promise<void>
  /** Starts it again at the same address with the same data; stops it in an orderly way first when it runs. */
  restart(): Promise<void>
}

/** {@link EngineServer} for PostgreSQL; `url` is a superuser's, to the database `postgres`. */
export interface PostgresServer extends EngineServer {}

/** {@link EngineServer} for Redis; a restart begins with no keys. */
export interface RedisServer extends EngineServer {}

/** Options of {@link startPostgres}. */
export interface PostgresOptions {
  /** TCP port of 127.0.0.1, 1–65535. Default: a free one. */
  readonly port?: number
  /**
   * A cluster's folder, made when it is empty or missing, and kept on `stop`. Default: a temporary folder, removed on
   * `stop`.
   */
  readonly dataDir?: string
  /**
   * Settings as in postgresql.conf, over `fsync=on`, `synchronous_commit=on`, `max_connections=300`,
   * `shared_buffers=128MB`. Default: none.
   */
  readonly extraConfig?: Readonly<Record<string, string>>
}

/** What a server shows to prove who it is, as PEM. */
export interface ServerTls {
  /** Of who signed the certificate. */
  readonly ca: string
  /** For `127.0.0.1`. */
  readonly cert: string
  readonly key: string
}

/** Options of {@link startRedis}. */
export interface RedisOptions {
  /** It speaks TLS alone; not in a container. Default: it does not speak TLS. */
  readonly tls?: ServerTls
  /** Of the user `default`, without characters that mean something in a URL. Default: none. */
  readonly password?: string
  /** TCP port of 127.0.0.1, 1–65535. Default: a free one. */
  readonly port?: number
  /** Settings as in redis.conf, over `save ""` and `appendonly no`. Default: none. */
  readonly extraConfig?: Readonly<Record<string, string>>
}
