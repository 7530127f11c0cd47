/// <reference path="./globals.d.ts" />

// The script API: what the module 'nango' ('causeway' is the same) offers, and the object that a script's functions get.
// Generated into .causeway/types; changes made there are lost.

import type * as z from 'zod';

// ---------------------------------------------------------------------------------------------------------------------
// Definitions

/** A record's shape. Each record has an `id`, which is text. */
export type ZodModel = z.ZodObject<{ id: z.ZodType<string> }>;
/** The models of a sync by their names, such as `{ Issue: z.object({ id: z.string() }) }`. */
export type ZodModels = Record<string, ZodModel>;
/** The shape of a connection's metadata. */
export type ZodMetadata = z.ZodObject | z.ZodVoid;
/** The shape of a checkpoint: flat, of texts, numbers and booleans; dates are stored as ISO text. At most 16 fields. */
export type ZodCheckpoint = z.ZodObject<Record<string, z.ZodType<CheckpointValue | Date | undefined>>> | z.ZodVoid;

export type CheckpointValue = string | number | boolean;

type MetadataOf<T extends ZodMetadata> = T extends z.ZodObject ? z.infer<T> : Record<string, unknown> | null;
type CheckpointOf<T extends ZodCheckpoint> = T extends z.ZodObject ? Stored<z.infer<T>> : Record<string, CheckpointValue>;
type NewCheckpoint<T extends ZodCheckpoint> = T extends z.ZodObject ? z.infer<T> : Record<string, CheckpointValue | Date>;
type Stored<T> = { [K in keyof T]: T[K] extends Date ? string : T[K] };

export interface Endpoint {
    method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
    path: string;
    group?: string;
}

interface Definition<TMetadata extends ZodMetadata, TCheckpoint extends ZodCheckpoint> {
    /** Shown in the dashboard; at most 2000 characters. */
    description: string;
    /** A version of your own choice, such as '1.2.0'. */
    version?: string;
    /** What the provider has to grant; documentation only. */
    scopes?: string[];
    /** Shape of the connection's metadata. Typing only: it is not enforced at run time. */
    metadata?: TMetadata;
    /** Shape of the checkpoint. Typing only. */
    checkpoint?: TCheckpoint;
}

export interface SyncDefinition<TModels extends ZodModels, TMetadata extends ZodMetadata = z.ZodVoid, TCheckpoint extends ZodCheckpoint = z.ZodVoid>
    extends Definition<TMetadata, TCheckpoint> {
    /** What the sync writes. A model's name begins with a capital letter, and belongs to one sync of the integration. */
    models: TModels;
    /** How often it runs: 'every 5 minutes', 'every hour', 'every day'. At least 30 seconds. */
    frequency: string;
    /** true: the schedule starts with each new connection. Left out, it is false: the sync is started with the API. */
    autoStart?: boolean;
    /** @deprecated A label; an incremental sync is one that uses a checkpoint. */
    syncType?: 'full' | 'incremental';
    /** @deprecated Use trackDeletesStart and trackDeletesEnd. Not together with syncType 'incremental'. */
    trackDeletes?: boolean;
    /** @deprecated One for each model. */
    endpoints?: Endpoint[];
    /** The types of inbound webhooks that onWebhook gets; '*' is all. */
    webhookSubscriptions?: string[];
    exec: (nango: NangoSync<TModels, TMetadata, TCheckpoint>) => void | Promise<void>;
    onWebhook?: (nango: NangoSync<TModels, TMetadata, TCheckpoint>, payload: any) => unknown;
}

export interface ActionDefinition<
    TInput extends z.ZodType,
    TOutput extends z.ZodType,
    TMetadata extends ZodMetadata = z.ZodVoid,
    TCheckpoint extends ZodCheckpoint = z.ZodVoid
> extends Definition<TMetadata, TCheckpoint> {
    /** z.void(): there is none. */
    input: TInput;
    /** z.void(): there is none. */
    output: TOutput;
    /** @deprecated */
    endpoint?: Endpoint;
    exec: (nango: NangoAction<TMetadata, TCheckpoint>, input: z.infer<TInput>) => z.infer<TOutput> | Promise<z.infer<TOutput>>;
}

export interface OnEventDefinition<TMetadata extends ZodMetadata = z.ZodVoid, TCheckpoint extends ZodCheckpoint = z.ZodVoid>
    extends Definition<TMetadata, TCheckpoint> {
    event: 'post-connection-creation' | 'pre-connection-deletion' | 'validate-connection';
    exec: (nango: NangoAction<TMetadata, TCheckpoint>) => void | Promise<void>;
}

export type CreateSyncResponse<TModels extends ZodModels, TMetadata extends ZodMetadata = z.ZodVoid, TCheckpoint extends ZodCheckpoint = z.ZodVoid> =
    SyncDefinition<TModels, TMetadata, TCheckpoint> & { type: 'sync' };
export type CreateActionResponse<
    TInput extends z.ZodType,
    TOutput extends z.ZodType,
    TMetadata extends ZodMetadata = z.ZodVoid,
    TCheckpoint extends ZodCheckpoint = z.ZodVoid
> = ActionDefinition<TInput, TOutput, TMetadata, TCheckpoint> & { type: 'action' };
export type CreateOnEventResponse<TMetadata extends ZodMetadata = z.ZodVoid, TCheckpoint extends ZodCheckpoint = z.ZodVoid> =
    OnEventDefinition<TMetadata, TCheckpoint> & { type: 'onEvent' };

/** Defines a sync: it runs on a schedule and on a trigger, and writes records. The argument is an object literal. */
export function createSync<TModels extends ZodModels, TMetadata extends ZodMetadata = z.ZodVoid, TCheckpoint extends ZodCheckpoint = z.ZodVoid>(
    definition: SyncDefinition<TModels, TMetadata, TCheckpoint>
): CreateSyncResponse<TModels, TMetadata, TCheckpoint>;

/** Defines an action: it runs when it is called, and returns its output. The argument is an object literal. */
export function createAction<
    TInput extends z.ZodType,
    TOutput extends z.ZodType,
    TMetadata extends ZodMetadata = z.ZodVoid,
    TCheckpoint extends ZodCheckpoint = z.ZodVoid
>(
    definition: ActionDefinition<TInput, TOutput, TMetadata, TCheckpoint>
): CreateActionResponse<TInput, TOutput, TMetadata, TCheckpoint>;

/** Defines what runs when a connection is made, checked or deleted. The argument is an object literal. */
export function createOnEvent<TMetadata extends ZodMetadata = z.ZodVoid, TCheckpoint extends ZodCheckpoint = z.ZodVoid>(
    definition: OnEventDefinition<TMetadata, TCheckpoint>
): CreateOnEventResponse<TMetadata, TCheckpoint>;

// ---------------------------------------------------------------------------------------------------------------------
// HTTP through the proxy

export type HTTPMethod = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'get' | 'post' | 'put' | 'patch' | 'delete';
export type ParamValue = string | number | boolean | string[] | number[];

interface ProxyOptions {
    /** Default GET; the methods get, post, put, patch and delete set it. */
    method?: HTTPMethod;
    /** The query. As text it is appended; in a record, a list is joined with commas. */
    params?: string | Record<string, ParamValue>;
    /** The body of POST, PUT, PATCH and DELETE: objects as JSON, texts and buffers as they are, form objects as forms. */
    data?: unknown;
    /** The platform adds the credentials. */
    headers?: Record<string, string>;
    /** Further attempts after one that failed; default 0. */
    retries?: number;
    /** Statuses that are retried besides the provider's own. */
    retryOn?: number[] | null;
    /** Headers that say when to retry: `at` a time, `after` a number of seconds. */
    retryHeader?: { at?: string | string[]; after?: string | string[] };
    decompress?: boolean;
    /** Default: JSON is parsed if it is JSON. 'arraybuffer' yields a Buffer. */
    responseType?: 'json' | 'text' | 'arraybuffer' | 'stream' | 'blob' | 'document';
    forwardHeadersOnRedirect?: boolean;
    /** For paginate only; merged over what the provider's catalogue entry says. */
    paginate?: Partial<CursorPagination> | Partial<LinkPagination> | Partial<OffsetPagination>;
    /** Use the credentials of another connection. */
    providerConfigKey?: string;
    connectionId?: string;
}

/** A call. `endpoint` is a path below the provider's base URL; it may be left out only if `baseUrlOverride` is given. */
export type ProxyConfiguration = ProxyOptions & ({ endpoint: string; baseUrlOverride?: string } | { endpoint?: string; baseUrlOverride: string });

/** A call by a method that sets the verb. */
export type VerbConfiguration = ProxyConfiguration & { method?: HTTPMethod };

export interface Pagination {
    /** Size of a page, sent under limit_name_in_request. */
    limit?: number | string;
    limit_name_in_request?: string;
    /** Dotted path of the list in the answer; empty: the whole body. */
    response_path?: string;
    /** Put the parameters into the body. Default: true for POST, PUT and PATCH. */
    in_body?: boolean;
    /** Awaited after each page but the last. */
    on_page?: (state: { nextPageParam?: string | number | undefined; response: ProxyResponse }) => void | Promise<void>;
}

export interface CursorPagination extends Pagination {
    type: 'cursor';
    cursor_name_in_request: string;
    cursor_path_in_response: string;
}

export interface LinkPagination extends Pagination {
    type: 'link';
    /** The relation in the Link header, usually 'next'. */
    link_rel_in_response_header?: string;
    link_path_in_response_body?: string;
}

export interface OffsetPagination extends Pagination {
    type: 'offset';
    offset_name_in_request: string;
    offset_start_value?: number;
    offset_calculation_method?: 'by-response-size' | 'per-page';
}

/** The answer to a call with a status of 2xx. */
export interface ProxyResponse<T = any> {
    data: T;
    status: number;
    statusText: string;
    /** Names are in lower case. */
    headers: Record<string, any>;
    config: any;
    request?: any;
}

/** What a call rejects with: an answer with another status (`response` is set), or no answer (`code` says why). */
export interface ProxyError<T = any> extends Error {
    isAxiosError: true;
    name: 'AxiosError';
    code?: string;
    status?: number;
    config?: any;
    request?: any;
    response?: ProxyResponse<T>;
}

export interface FetchConfiguration {
    url: URL;
    method?: string;
    headers?: Record<string, string>;
    body?: string | Uint8Array | ArrayBuffer | URLSearchParams | FormData | null;
}

// ---------------------------------------------------------------------------------------------------------------------
// What methods take and return

/** Credentials by their type. What an answer of the provider held besides is in `raw`. */
export type Credentials =
    | { type: 'OAUTH2'; access_token: string; refresh_token?: string; expires_at?: string; raw: Record<string, any> }
    | { type: 'OAUTH2_CC'; token: string; client_id: string; client_secret: string; expires_at?: string; raw: Record<string, any> }
    | { type: 'OAUTH1'; oauth_token: string; oauth_token_secret: string; raw: Record<string, any> }
    | { type: 'BASIC'; username: string; password: string }
    | { type: 'API_KEY'; apiKey: string }
    | { type: 'APP'; access_token: string; expires_at?: string; raw: Record<string, any> }
    | { type: 'JWT' | 'SIGNATURE' | 'TWO_STEP' | 'BILL' | 'TBA' | 'CUSTOM' | 'AWS_SIGV4' | 'INSTALL_PLUGIN'; [field: string]: any }
    | { type: 'NONE' };

export interface Connection<TMetadata = Record<string, any> | null> {
    id: number;
    connection_id: string;
    provider_config_key: string;
    provider: string;
    connection_config: Record<string, any>;
    metadata: TMetadata;
    errors: { type: string; log_id: string }[];
    end_user: Record<string, any> | null;
    tags: Record<string, string>;
    webhook_url_override: string | null;
    created_at: string;
    updated_at: string;
    last_fetched_at: string | null;
    credentials: Credentials;
}

export interface Integration {
    unique_key: string;
    provider: string;
    display_name: string;
    logo: string;
    created_at: string;
    updated_at: string;
    forward_webhooks: boolean;
    /** If 'webhook' was asked for. */
    webhook_url?: string | null;
    /** If 'credentials' was asked for. */
    credentials?: Record<string, any> | null;
}

export interface RecordMetadata {
    first_seen_at: string;
    last_modified_at: string;
    last_action: 'ADDED' | 'UPDATED' | 'DELETED';
    deleted_at: string | null;
    pruned_at: string | null;
    cursor: string;
}

export type StoredRecord<T> = T & { _nango_metadata: RecordMetadata };
export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'http' | 'verbose' | 'silly';
type DeepPartial<T> = T extends readonly unknown[] ? T : T extends object ? { [K in keyof T]?: DeepPartial<T[K]> | undefined } : T;
type PartialRecord<T extends { id: string }> = { id: T['id'] } & DeepPartial<Omit<T, 'id'>>;

/** Ends a run with a payload for its caller: `throw new nango.ActionError({ message: '…' })`. */
declare class ActionError<T = unknown> extends Error {
    constructor(payload?: T);
    type: 'action_script_runtime_error';
    payload?: T;
}

// ---------------------------------------------------------------------------------------------------------------------
// The object

/** What actions, on-event scripts and helpers of both get. */
declare class NangoAction<TMetadata extends ZodMetadata = any, TCheckpoint extends ZodCheckpoint = any> {
    private constructor();

    readonly ActionError: typeof ActionError;
    readonly connectionId: string;
    readonly providerConfigKey: string;
    readonly provider: string;
    readonly environmentId: number;
    readonly environmentName: string;
    readonly accountId: number;
    readonly activityLogId: string;
    readonly scriptType: 'sync' | 'action' | 'webhook' | 'on-event';
    readonly syncId?: string;
    readonly syncJobId?: number;
    readonly nangoConnectionId: number;
    readonly syncConfig: any;
    readonly runnerFlags: any;
    readonly isCLI: boolean;
    readonly logger: { level: LogLevel | 'off' };

    /** Calls the provider's API with the connection's credentials. Rejects with a ProxyError unless the status is 2xx. */
    proxy<T = any>(config: ProxyConfiguration): Promise<ProxyResponse<T>>;
    get<T = any>(config: ProxyConfiguration): Promise<ProxyResponse<T>>;
    post<T = any>(config: ProxyConfiguration): Promise<ProxyResponse<T>>;
    put<T = any>(config: ProxyConfiguration): Promise<ProxyResponse<T>>;
    patch<T = any>(config: ProxyConfiguration): Promise<ProxyResponse<T>>;
    delete<T = any>(config: ProxyConfiguration): Promise<ProxyResponse<T>>;
    /** Calls page after page: `for await (const page of nango.paginate<Item>({ … }))`. */
    paginate<T = any>(config: ProxyConfiguration): AsyncGenerator<T[], undefined, void>;
    /** Calls any public URL, without credentials and without retries. */
    uncontrolledFetch(request: FetchConfiguration): Promise<Response>;

    /** The connection of the run, or another one, with its credentials. Cached for 60 seconds. */
    getConnection(
        integrationKey?: string,
        connectionId?: string,
        options?: { refreshToken?: boolean; refreshGithubAppJwtToken?: boolean; forceRefresh?: boolean }
    ): Promise<Connection<MetadataOf<TMetadata>>>;
    /** OAuth 2: the access token. OAuth 1: both tokens. Else: the credentials. */
    getToken(): Promise<string | { oAuthToken: string; oAuthTokenSecret: string } | Credentials>;
    getIntegration(options?: { include?: ('webhook' | 'credentials')[] }): Promise<Integration>;
    /** The connection's metadata; null if none was ever set. Its shape is not checked: parse it where that matters. */
    getMetadata<T = MetadataOf<TMetadata>>(): Promise<T>;
    /** Replaces the metadata. */
    setMetadata(metadata: TMetadata extends z.ZodObject ? z.infer<TMetadata> : Record<string, any>): Promise<ProxyResponse>;
    /** Replaces the given fields of the metadata. */
    updateMetadata(metadata: TMetadata extends z.ZodObject ? Partial<z.infer<TMetadata>> : Record<string, any>): Promise<ProxyResponse>;
    /** @deprecated Use getMetadata. */
    getFieldMapping(): Promise<Record<string, any>>;
    /** @deprecated Use setMetadata. */
    setFieldMapping(mapping: Record<string, any>): Promise<ProxyResponse>;
    getWebhookURL(): Promise<string | null>;
    getEnvironmentVariables(): Promise<{ name: string; value: string }[]>;
    getFlowAttributes<T = Record<string, any>>(): Promise<T>;

    /** Runs another action and resolves to its output. */
    triggerAction<TOut = any, TIn = unknown>(integrationKey: string, connectionId: string, name: string, input?: TIn): Promise<TOut>;
    triggerSync(
        integrationKey: string,
        connectionId: string,
        sync: string | { name: string; variant: string },
        options?: { reset?: boolean; emptyCache?: boolean } | 'incremental' | 'full_refresh' | 'full_refresh_and_clear_cache' | boolean
    ): Promise<unknown>;
    /** Starts schedules. */
    startSync(integrationKey: string, syncs: (string | { name: string; variant: string })[], connectionId?: string): Promise<void>;

    /** Writes a line of the run's log. The last argument may be `{ level }`; default 'info'. */
    log(message: unknown, ...args: [...meta: unknown[]]): Promise<void>;
    /** The least level that is kept. */
    setLogger(options: { level: LogLevel | 'off' }): void;
    /** Checks an action's input. Fails the run with an ActionError, and logs each issue, if it doesn't fit. */
    zodValidateInput<T extends z.ZodType>(options: { zodSchema: T; input: unknown }): Promise<z.ZodSafeParseSuccess<z.infer<T>>>;

    /** true: the lock is held until it is released, or the time is over, or the run ends. */
    tryAcquireLock(options: { key: string; ttlMs: number }): Promise<boolean>;
    releaseLock(options: { key: string }): Promise<boolean>;
    releaseAllLocks(): Promise<void>;

    /** What the run before has saved; null on the first run, and after a reset. */
    getCheckpoint(): Promise<CheckpointOf<TCheckpoint> | null>;
    /** Replaces the checkpoint. */
    saveCheckpoint(checkpoint: NewCheckpoint<TCheckpoint>): Promise<void>;
    clearCheckpoint(): Promise<void>;
}

/** What syncs and webhook functions get. */
declare class NangoSync<
    TModels extends ZodModels = any,
    TMetadata extends ZodMetadata = any,
    TCheckpoint extends ZodCheckpoint = any
> extends NangoAction<TMetadata, TCheckpoint> {
    private constructor();

    /** Start of the last run that succeeded; undefined on the first run. */
    readonly lastSyncDate?: Date;
    readonly variant: string;
    readonly track_deletes: boolean;
    readonly emptyCache: boolean;

    /** Adds records, or replaces those with the same id. Records that are the same as before don't count as changed. */
    batchSave<K extends keyof TModels & string>(records: readonly z.infer<TModels[K]>[] | null | undefined, model: K): Promise<boolean>;
    /** @deprecated The same as batchSave. */
    batchSend<K extends keyof TModels & string>(records: readonly z.infer<TModels[K]>[] | null | undefined, model: K): Promise<boolean>;
    /** Merges fields into existing records: objects recursively; lists are replaced. Unknown ids are ignored. */
    batchUpdate<K extends keyof TModels & string>(records: readonly PartialRecord<z.infer<TModels[K]>>[] | null | undefined, model: K): Promise<boolean>;
    /** Marks records as deleted. Only their ids are used. */
    batchDelete<K extends keyof TModels & string>(
        records: readonly { id: string; deletedAt?: string | Date }[] | null | undefined,
        model: K
    ): Promise<boolean>;

    /** Stored records by id. Ids that aren't stored are absent. */
    getRecordsByIds<K extends keyof TModels & string, TId extends string | number>(
        ids: readonly TId[],
        model: K
    ): Promise<Map<TId, StoredRecord<z.infer<TModels[K]>>>>;
    /** All stored records: `for await (const record of nango.listRecords('Issue'))`. */
    listRecords<K extends keyof TModels & string>(model: K, options?: { cursor?: string }): AsyncGenerator<StoredRecord<z.infer<TModels[K]>>, void, void>;

    /** Before any batch call. 'ignore_if_modified_after' leaves alone what others changed since this call. */
    setMergingStrategy(options: { strategy: 'override' | 'ignore_if_modified_after' }, model: keyof TModels & string): Promise<void>;
    /** Before the first batch call of a run that reads everything. */
    trackDeletesStart(model: keyof TModels & string): Promise<void>;
    /** After the last batch call: marks as deleted what wasn't saved since trackDeletesStart. */
    trackDeletesEnd(model: keyof TModels & string): Promise<{ deletedKeys: string[] }>;
    /** @deprecated Use trackDeletesStart and trackDeletesEnd. */
    deleteRecordsFromPreviousExecutions(model: keyof TModels & string): Promise<{ deletedKeys: string[] }>;
}

// They exist as types only: a script gets the object as an argument, and the error class as nango.ActionError.
export type { ActionError, NangoAction, NangoSync };
