import * as z from 'zod';

/** Metadata of a connection: the table that it is about. */
export const Table = z.object({
    base_id: z.string().startsWith('app'),
    table: z.string().min(1).describe('an id, as in tbl…, or a name')
});

export function tablePath({ base_id, table }: z.infer<typeof Table>): string {
    return `/v0/${base_id}/${encodeURIComponent(table)}`;
}

/** The fields of a row by their names; which there are, each table decides. Empty ones are left out by Airtable. */
export const Fields = z.record(z.string(), z.unknown());

export const Row = z.object({ id: z.string(), created_at: z.string(), fields: Fields });

/** https://airtable.com/developers/web/api/list-records */
export interface AirtableRecord {
    id: string;
    createdTime: string;
    fields: Record<string, unknown>;
}

export function toRow(record: AirtableRecord): z.infer<typeof Row> {
    return { id: record.id, created_at: record.createdTime, fields: record.fields };
}
