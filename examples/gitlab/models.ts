import * as z from 'zod';

/** Metadata of a connection: the project that it is about, by its number or its path, as in acme/website. */
export const Project = z.object({ project: z.string().min(1) });

/** The path of a project in the API: its slashes are part of one segment. */
export function projectPath(project: string): string {
    return `/api/v4/projects/${encodeURIComponent(project)}`;
}
