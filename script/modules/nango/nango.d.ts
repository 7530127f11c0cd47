// What a script can use: the three definitions, and the nango object that is handed to exec.
// The same declarations serve the modules 'nango' and 'causeway'.

import type { z } from 'zod';

// ---- Definitions ------------------------------------------------------------------------------------------------------------

/** The shape of a model, of an input, of metadata: any zod type. */
export type Schema = z.ZodType;
/** The models of a sync: a zod object with an id each. */
export type Models = Record<string, z.ZodType<{ id: string | number }>>;

export interface Endpoint {
    method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
    path: string;
    group?: string | undefined;
}

interface Common<Metadata extends Schema | undefined, Checkpoint extends Schema | undefined> {
    /** Shown wherever the script is; at most 2,000 characters. */
    description: string;
    /** Given: the version to deploy. Left out: the last one, counted up when the code has changed. */
    version?: string | undefined;
    /** Scopes of the provider that the script needs; documentation only. */
    scopes?: string[] | undefined;
    /** The shape of the connection's metadata. It types getMetadata and is not enforced at run time. */
    metadata?: Metadata | undefined;
    /** The shape of the checkpoint: a flat object of texts, numbers and booleans. */
    checkpoint?: Checkpoint | undefined;
}

export interface SyncDefinition<M extends Models, Metadata extends Schema | undefined = undefined, Checkpoint extends Schema | undefined = undefined>
    extends Common<Metadata, Checkpoint> {
    /** What the sync saves, by the model's name: a capital letter, then letters, digits and _. */
    models: M;
    /** 'every hour', 'every 5 minutes', '30s'; at least 30 seconds. */
    frequency: string;
    /** true: starts by itself when a connection appears. */
    autoStart?: boolean | undefined;
    /** @deprecated a label only */
    syncType?: 'full' | 'incremental' | undefined;
    /** @deprecated use trackDeletesStart and trackDeletesEnd */
    trackDeletes?: boolean | undefined;
    /** @deprecated */
    endpoints?: Endpoint[] | undefined;
    /** Types of the provider's webhooks that onWebhook takes; '*' takes all. */
    webhookSubscriptions?: string[] | undefined;
    exec: (nango: NangoSync<M, Metadata, Checkpoint>) => Promise<void> | void;
    onWebhook?: ((nango: NangoSync<M, Metadata, Checkpoint>, payload: any) => any) | undefined;
}

export interface ActionDefinition<I extends Schema, O extends Schema, Metadata extends Schema | undefined = undefined, Checkpoint extends Schema | undefined = undefined>
    extends Common<Metadata, Checkpoint> {
    /** z.void() when there is none. */
    input: I;
    /** z.void() when nothing is returned. */
    output: O;
    /** @deprecated */
    endpoint?: Endpoint | undefined;
    exec: (nango: NangoAction<Metadata, Checkpoint>, input: z.infer<I>) => Promise<z.infer<O>> | z.infer<O>;
}

export interface OnEventDefinition<Metadata extends Schema | undefined = undefined, Checkpoint extends Schema | undefined = undefined> extends Common<Metadata, Checkpoint> {
    event: 'post-connection-creation' | 'pre-connection-deletion' | 'validate-connection';
    exec: (nango: NangoAction<Metadata, Checkpoint>) => Promise<void> | void;
}

/** Copies an API's data into records, on a schedule. */
export declare function createSync<M extends Models, Metadata extends Schema | undefined = undefined, Checkpoint extends Schema | undefined = undefined>(
    definition: SyncDefinition<M, Metadata, Checkpoint>
): SyncDefinition<M, Metadata, Checkpoint> & { type: 'sync' };

/** Does one thing and answers, when it is called. */
export declare function createAction<I extends Schema, O extends Schema, Metadata extends Schema | undefined = undefined, Checkpoint extends Schema | undefined = undefined>(
    definition: ActionDefinition<I, O, Metadata, Checkpoint>
): ActionDefinition<I, O, Metadata, Checkpoint> & { type: 'action' };

/** Runs when something happens to a connection. */
export declare function createOnEvent<Metadata extends Schema | undefined = undefined, Checkpoint extends Schema | undefined = undefined>(
    definition: OnEventDefinition<Metadata, Checkpoint>
): OnEventDefinition<Metadata, Checkpoint> & { type: 'onEvent' };

// ---- HTTP through the proxy -------------------------------------------------------------------------------------------------

export type HTTPMethod = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'get' | 'post' | 'put' | 'patch' | 'delete';

export interface ProxyConfiguration {
    /** A path below the provider's base URL. */
    endpoint: string;
    method?: HTTPMethod | undefined;
    params?: string | Record<string, string | number | string[] | number[]> | undefined;
    data?: unknown;
    headers?: Record<string, string> | undefined;
    /** Extra attempts; 0 if left out. */
    retries?: number | undefined;
    /** Statuses to try again on, beside the provider's. Needs retries. */
    retryOn?: number[] | null | undefined;
    /** Headers that say when to try again: a time, or seconds. */
    retryHeader?: { at?: string | string[] | undefined; after?: string | string[] | undefined } | undefined;
    baseUrlOverride?: string | undefined;
    decompress?: boolean | undefined;
    responseType?: 'json' | 'text' | 'arraybuffer' | 'stream' | 'blob' | 'document' | undefined;
    forwardHeadersOnRedirect?: boolean | undefined;
    paginate?: Partial<CursorPagination> | Partial<LinkPagination> | Partial<OffsetPagination> | undefined;
    /** Another connection's credentials. */
    providerConfigKey?: string | undefined;
    connectionId?: string | undefined;
}

/** What get, post, put, patch and delete take: the method is in the name. */
export type ProxyCall = Omit<ProxyConfiguration, 'method'>;

interface Pagination {
    limit?: number | string | undefined;
    limit_name_in_request?: string | undefined;
    /** Dotted path of the list in an answer; left out: the answer itself. */
    response_path?: string | undefined;
    in_body?: boolean | undefined;
    on_page?: ((page: { nextPageParam?: string | number | undefined; response: ProxyResponse }) => void | Promise<void>) | undefined;
}

export interface CursorPagination extends Pagination {
    type: 'cursor';
    cursor_name_in_request: string;
    cursor_path_in_response: string;
}

export interface LinkPagination extends Pagination {
    type: 'link';
    link_rel_in_response_header?: string | undefined;
    link_path_in_response_body?: string | undefined;
}

export interface OffsetPagination extends Pagination {
    type: 'offset';
    offset_name_in_request: string;
    offset_start_value?: number | undefined;
    offset_calculation_method?: 'by-response-size' | 'per-page' | undefined;
}

export interface ProxyResponse<T = any> {
    data: T;
    status: number;
    statusText: string;
    /** Names in lower case. */
    headers: Record<string, any>;
    config: any;
    request?: any;
}

/** What a call that is not answered with a 2xx throws. */
export interface HTTPError<T = any> extends Error {
    isAxiosError: true;
    code?: string | undefined;
    status?: number | undefined;
    response?: ProxyResponse<T> | undefined;
    config: any;
    request?: any;
}

export interface FetchResponse {
    readonly ok: boolean;
    readonly status: number;
    readonly statusText: string;
    readonly url: string;
    readonly headers: { get(name: string): string | null; has(name: string): boolean; forEach(callback: (value: string, name: string) => void): void };
    text(): Promise<string>;
    json(): Promise<any>;
    arrayBuffer(): Promise<ArrayBuffer>;
}

// ---- Connections and integrations -------------------------------------------------------------------------------------------

export interface OAuth2Credentials {
    type: 'OAUTH2';
    access_token: string;
    refresh_token?: string | undefined;
    expires_at?: string | undefined;
    raw: Record<string, any>;
}
export interface OAuth2ClientCredentials {
    type: 'OAUTH2_CC';
    token: string;
    client_id: string;
    client_secret: string;
    expires_at?: string | undefined;
    raw: Record<string, any>;
}
export interface OAuth1Credentials {
    type: 'OAUTH1';
    oauth_token: string;
    oauth_token_secret: string;
    raw: Record<string, any>;
}
export interface BasicCredentials {
    type: 'BASIC';
    username: string;
    password: string;
}
export interface APIKeyCredentials {
    type: 'API_KEY';
    apiKey: string;
}
export interface AppCredentials {
    type: 'APP';
    access_token: string;
    expires_at?: string | undefined;
    raw: Record<string, any>;
}
export interface OtherCredentials {
    type: 'CUSTOM' | 'JWT' | 'TBA' | 'TWO_STEP' | 'SIGNATURE' | 'BILL' | 'AWS_SIGV4' | 'INSTALL_PLUGIN' | 'MCP_OAUTH2' | 'MCP_OAUTH2_GENERIC' | 'NONE';
    [field: string]: any;
}
export type Credentials = OAuth2Credentials | OAuth2ClientCredentials | OAuth1Credentials | BasicCredentials | APIKeyCredentials | AppCredentials | OtherCredentials;

export interface Connection<Metadata = any> {
    id: number;
    connection_id: string;
    provider_config_key: string;
    provider: string;
    connection_config: Record<string, any>;
    metadata: Metadata;
    errors: { type: string; log_id: string }[];
    end_user: { id: string; display_name: string | null; email: string | null; tags: Record<string, string>; organization: { id: string; display_name: string | null } | null } | null;
    tags: Record<string, string>;
    webhook_url_override?: string | null | undefined;
    created_at: string;
    updated_at: string;
    last_fetched_at: string;
    credentials: Credentials;
}

export interface Integration {
    unique_key: string;
    provider: string;
    display_name: string;
    logo: string;
    forward_webhooks: boolean;
    created_at: string;
    updated_at: string;
    webhook_url?: string | null | undefined;
    credentials?: any;
}

export interface EnvironmentVariable {
    name: string;
    value: string;
}

// ---- The nango object -------------------------------------------------------------------------------------------------------

/** Throw it to say on purpose what went wrong; its payload reaches the caller. */
export declare class ActionError<T = any> extends Error {
    readonly type: 'action_script_runtime_error';
    payload: T;
    constructor(payload?: T);
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'off';

type Of<S, Otherwise> = S extends Schema ? z.infer<S> : Otherwise;

interface Base<Metadata extends Schema | undefined, Checkpoint extends Schema | undefined> {
    readonly connectionId: string;
    readonly providerConfigKey: string;
    readonly provider: string;
    readonly environmentId: number;
    readonly environmentName: string;
    readonly accountId: number;
    readonly activityLogId: string;
    readonly scriptType: 'sync' | 'action' | 'webhook' | 'on-event';
    readonly syncId?: string | undefined;
    readonly syncJobId?: number | undefined;
    readonly nangoConnectionId: number;
    readonly isCLI: boolean;
    readonly ActionError: typeof ActionError;

    proxy<T = any>(config: ProxyConfiguration): Promise<ProxyResponse<T>>;
    get<T = any>(config: ProxyCall): Promise<ProxyResponse<T>>;
    post<T = any>(config: ProxyCall): Promise<ProxyResponse<T>>;
    put<T = any>(config: ProxyCall): Promise<ProxyResponse<T>>;
    patch<T = any>(config: ProxyCall): Promise<ProxyResponse<T>>;
    delete<T = any>(config: ProxyCall): Promise<ProxyResponse<T>>;
    /** Page by page; each page is the list at response_path. */
    paginate<T = any>(config: ProxyConfiguration): AsyncGenerator<T[], undefined, void>;
    /** A plain call: no credentials, no retries. */
    uncontrolledFetch(options: { url: URL; method?: HTTPMethod | undefined; headers?: Record<string, string> | undefined; body?: string | null | undefined }): Promise<FetchResponse>;

    getConnection(
        integrationKey?: string,
        connectionId?: string,
        options?: { refreshToken?: boolean | undefined; refreshGithubAppJwtToken?: boolean | undefined; forceRefresh?: boolean | undefined }
    ): Promise<Connection<Of<Metadata, any>>>;
    getToken(): Promise<string | { oAuthToken: string; oAuthTokenSecret: string } | Credentials>;
    getIntegration(options?: { include?: ('webhook' | 'credentials')[] | undefined }): Promise<Integration>;
    getMetadata<T = Of<Metadata, any>>(): Promise<T>;
    setMetadata(metadata: Of<Metadata, Record<string, any>>): Promise<ProxyResponse>;
    updateMetadata(metadata: Partial<Of<Metadata, Record<string, any>>>): Promise<ProxyResponse>;
    /** @deprecated */
    getFieldMapping(): Promise<Record<string, any>>;
    /** @deprecated */
    setFieldMapping(mapping: Record<string, string>): Promise<ProxyResponse>;
    getWebhookURL(): Promise<string | null | undefined>;
    getEnvironmentVariables(): Promise<EnvironmentVariable[]>;
    getFlowAttributes<T = Record<string, any>>(): T | null;

    triggerAction<Output = any, Input = unknown>(integrationKey: string, connectionId: string, action: string, input?: Input): Promise<Output>;
    triggerSync(
        integrationKey: string,
        connectionId: string,
        sync: string | { name: string; variant: string },
        options?: { reset?: boolean | undefined; emptyCache?: boolean | undefined } | 'incremental' | 'full_refresh' | 'full_refresh_and_clear_cache' | boolean
    ): Promise<void | string>;
    startSync(integrationKey: string, syncs: (string | { name: string; variant: string })[], connectionId?: string): Promise<void>;

    log(message: any, options?: { level?: LogLevel | undefined } | { [key: string]: any; level?: never }): Promise<void>;
    log(message: any, ...rest: [any, { level?: LogLevel | undefined }]): Promise<void>;
    setLogger(options: { level: LogLevel }): void;
    zodValidateInput<T>(options: { zodSchema: z.ZodType<T>; input: unknown }): Promise<{ success: true; data: T }>;

    tryAcquireLock(options: { key: string; ttlMs: number }): Promise<boolean>;
    releaseLock(options: { key: string }): Promise<boolean>;
    releaseAllLocks(): Promise<void>;

    getCheckpoint(): Promise<Of<Checkpoint, Record<string, string | number | boolean>> | null>;
    saveCheckpoint(checkpoint: Of<Checkpoint, Record<string, string | number | boolean>>): Promise<void>;
    clearCheckpoint(): Promise<void>;
}

/** What an action and an on-event script get. */
export interface NangoAction<Metadata extends Schema | undefined = any, Checkpoint extends Schema | undefined = any> extends Base<Metadata, Checkpoint> {}

/** A record as it is stored. */
export type Stored<T> = T & {
    _nango_metadata: { first_seen_at: string; last_modified_at: string; last_action: 'ADDED' | 'UPDATED' | 'DELETED'; deleted_at: string | null; pruned_at: string | null; cursor: string };
};

/** What a sync and its onWebhook get. */
export interface NangoSync<M extends Models = Record<string, z.ZodType<any>>, Metadata extends Schema | undefined = any, Checkpoint extends Schema | undefined = any>
    extends Base<Metadata, Checkpoint> {
    /** When the last run that succeeded began; undefined in the first. */
    readonly lastSyncDate?: Date | undefined;
    readonly variant: string;
    readonly track_deletes: boolean;
    readonly emptyCache: boolean;

    /** Adds and replaces records, by id. */
    batchSave<K extends keyof M & string>(records: z.infer<M[K]>[], model: K): Promise<boolean>;
    /** @deprecated use batchSave */
    batchSend<K extends keyof M & string>(records: z.infer<M[K]>[], model: K): Promise<boolean>;
    /** Merges into records that are there. */
    batchUpdate<K extends keyof M & string>(records: (Partial<z.infer<M[K]>> & { id: string | number })[], model: K): Promise<boolean>;
    /** Marks records as deleted. */
    batchDelete<K extends keyof M & string>(records: { id: string | number; deletedAt?: string | Date | undefined }[], model: K): Promise<boolean>;
    getRecordsByIds<ID extends string | number, K extends keyof M & string>(ids: ID[], model: K): Promise<Map<ID, Stored<z.infer<M[K]>>>>;
    listRecords<K extends keyof M & string>(model: K, options?: { cursor?: string | undefined }): AsyncGenerator<Stored<z.infer<M[K]>>, void, void>;
    setMergingStrategy(options: { strategy: 'override' | 'ignore_if_modified_after' }, model: keyof M & string): Promise<void>;

    /** What is not saved between the start and the end is marked as deleted at the end. A resumed run keeps its start. */
    trackDeletesStart(model: keyof M & string): Promise<void>;
    trackDeletesEnd(model: keyof M & string): Promise<{ deletedKeys: string[] }>;
    /** @deprecated use trackDeletesStart and trackDeletesEnd */
    deleteRecordsFromPreviousExecutions(model: keyof M & string): Promise<{ deletedKeys: string[] }>;
}
