import * as z from 'zod';

export const File = z.object({
    id: z.string(),
    name: z.string(),
    mime_type: z.string(),
    size: z.number().nullable().describe('bytes; Google\'s own documents have none'),
    parents: z.array(z.string()),
    owners: z.array(z.string()),
    url: z.string(),
    created_at: z.string(),
    updated_at: z.string()
});

/** https://developers.google.com/workspace/drive/api/reference/rest/v3/files: what isn't asked for by name isn't answered. */
export interface DriveFile {
    id: string;
    name: string;
    mimeType: string;
    size?: string;
    parents?: string[];
    owners?: { emailAddress?: string }[];
    webViewLink?: string;
    trashed: boolean;
    createdTime: string;
    modifiedTime: string;
}

export const fields = 'id,name,mimeType,size,parents,owners(emailAddress),webViewLink,trashed,createdTime,modifiedTime';

/** Files of shared drives are left out unless they are asked for. */
export const allDrives = { supportsAllDrives: true, includeItemsFromAllDrives: true };

export function toFile(file: DriveFile): z.infer<typeof File> {
    return {
        id: file.id,
        name: file.name,
        mime_type: file.mimeType,
        size: file.size === undefined ? null : Number(file.size),
        parents: file.parents ?? [],
        owners: (file.owners ?? []).flatMap((owner) => owner.emailAddress ?? []),
        url: file.webViewLink ?? '',
        created_at: file.createdTime,
        updated_at: file.modifiedTime
    };
}
