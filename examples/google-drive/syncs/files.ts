import { createSync } from 'causeway';
import type { NangoSync } from 'causeway';
import * as z from 'zod';

import { File, allDrives, fields, toFile } from '../files.js';
import type { DriveFile } from '../files.js';

interface Changes {
    changes: { fileId?: string; removed?: boolean; changeType: 'file' | 'drive'; file?: DriveFile }[];
    nextPageToken?: string;
    newStartPageToken?: string;
}

/** The place in the log of changes that the first listing begins at. */
async function startToken(nango: NangoSync): Promise<string> {
    const { data } = await nango.get<{ startPageToken: string }>({
        // https://developers.google.com/workspace/drive/api/reference/rest/v3/changes/getStartPageToken
        endpoint: '/drive/v3/changes/startPageToken',
        params: { supportsAllDrives: 'true' },
        retries: 5
    });
    return data.startPageToken;
}

export default createSync({
    description: 'Copies the files that the user sees: all of them once, then what changes, goes to the bin or is gone',
    frequency: 'every 15 minutes',
    autoStart: true,
    scopes: ['https://www.googleapis.com/auth/drive.readonly'],
    // changes: the token of the log of changes. listed: all files have been read once.
    checkpoint: z.object({ changes: z.string(), listed: z.boolean() }),
    models: { File },

    exec: async (nango) => {
        let checkpoint = await nango.getCheckpoint();
        if (!checkpoint) {
            // Taken before the listing begins: what changes meanwhile is in the log then.
            checkpoint = { changes: await startToken(nango), listed: false };
            await nango.saveCheckpoint(checkpoint);
        }
        let { changes: token } = checkpoint;

        if (!checkpoint.listed) {
            // https://developers.google.com/workspace/drive/api/reference/rest/v3/files/list
            const pages = nango.paginate<DriveFile>({
                endpoint: '/drive/v3/files',
                params: { q: 'trashed = false', fields: `nextPageToken,files(${fields})`, ...allDrives },
                paginate: {
                    type: 'cursor',
                    cursor_name_in_request: 'pageToken',
                    cursor_path_in_response: 'nextPageToken',
                    limit_name_in_request: 'pageSize',
                    limit: 1000,
                    response_path: 'files'
                },
                retries: 5
            });
            for await (const page of pages) {
                await nango.batchSave(page.map(toFile), 'File');
            }
            await nango.saveCheckpoint({ changes: token, listed: true });
        }

        let more = true;
        while (more) {
            const { data } = await nango.get<Changes>({
                // https://developers.google.com/workspace/drive/api/reference/rest/v3/changes/list
                endpoint: '/drive/v3/changes',
                params: {
                    pageToken: token,
                    pageSize: 1000,
                    fields: `nextPageToken,newStartPageToken,changes(fileId,removed,changeType,file(${fields}))`,
                    ...allDrives
                },
                retries: 5
            });
            const files = data.changes.filter((change) => change.changeType === 'file');
            const there = files.flatMap(({ removed, file }) => (!removed && file && !file.trashed ? [toFile(file)] : []));
            // Removed: deleted for good, or not shared with the user any more.
            const gone = files.flatMap(({ fileId, removed, file }) => (fileId && (removed || file?.trashed) ? [{ id: fileId }] : []));
            await nango.batchSave(there, 'File');
            await nango.batchDelete(gone, 'File');

            more = data.nextPageToken !== undefined;
            token = data.nextPageToken ?? data.newStartPageToken ?? token;
            await nango.saveCheckpoint({ changes: token, listed: true });
        }
    }
});
