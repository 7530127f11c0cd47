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

/** A file in a field. Its addresses are made anew for each answer, and are good for some hours only. */
const Attachment = z.object({ id: z.string().startsWith('att'), filename: z.string(), size: z.number().optional(), type: z.string().optional() });

export function toRow(record: AirtableRecord): z.infer<typeof Row> {
    const fields: z.infer<typeof Fields> = {};
    for (const [name, value] of Object.entries(record.fields)) {
        // Without the addresses: with them a row would count as changed each time.
        const files = z.array(Attachment).min(1).safeParse(value);
        fields[name] = files.success ? files.data : value;
    }
    return { id: record.id, created_at: record.createdTime, fields };
}
