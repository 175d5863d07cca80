# The call centre at midnight of its users' time zone: what is composed of days goes, without a ttl; the days themselves stay. The
# caches' clock is shifted, not what a loader takes for today; nothing here waits.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use CacheExt;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use constant HOUR => 3_600;

my $root = "$FindBin::RealBin/../..";
my $node = new_node('call_center');
preload($node);
# Of another zone than the users', and than UTC.
$node->append_conf('postgresql.conf', "max_worker_processes = 0\nTimeZone = 'Asia/Tokyo'\n");
start_with_clock($node);

sub sql
{
	my ($sql) = @_;
	return $node->safe_psql('postgres', $sql);
}

my $zone = 'America/St_Johns';
sql("CREATE EXTENSION cache_ext; CREATE SCHEMA app");
$node->psql('postgres', "SET search_path = app;\n" . slurp_file("$root/examples/call_center/schema.sql"), on_error_die => 1);
# A call every five hours for 40 days, some of them after midnight.
sql(<<"END");
INSERT INTO app.users (id, email, name) VALUES (md5('u')::uuid, 'u', 'U');
INSERT INTO app.agents (id, user_id, name) SELECT md5('a' || n)::uuid, md5('u')::uuid, n FROM generate_series(1, 2) AS n;
INSERT INTO app.calls (user_id, agent_id, duration_minutes, credits_used, status, created_at)
SELECT md5('u')::uuid, md5('a' || 1 + n % 2)::uuid, n, 2 * n, (ARRAY['completed', 'failed'])[1 + n % 2], now() + interval '5 d' - n * interval '5 h'
FROM generate_series(1, 200) AS n;
SELECT cache_install_call_center('app', '$zone');
SELECT cache_alter('dashboard_analytics', '{"ttl": null}');
CREATE FUNCTION sources() RETURNS text LANGUAGE sql AS \$\$
    SELECT string_agg(DISTINCT e.source, ' ')
    FROM (VALUES ('dashboard', 'u'), ('dashboard_analytics', 'u'), ('agents', 'u'), ('agent', 'a1'), ('agent_performance', 'a1'))
             AS v (cache, key),
         LATERAL (SELECT (cache_get_entry(v.cache, md5(v.key)::uuid)).source WHERE v.cache <> 'dashboard_analytics'
                  UNION ALL SELECT (cache_get_entry(v.cache, md5(v.key)::uuid, jsonb '{}')).source WHERE v.cache = 'dashboard_analytics') AS e \$\$;
END

# Seconds until the next but one midnight there.
my $midnight = sql(<<"END");
SELECT ceil(extract(epoch FROM (date_trunc('day', now() AT TIME ZONE '$zone') + interval '2 days') AT TIME ZONE '$zone' - now()))
END

sub hours_after_midnight
{
	my ($hours) = @_;
	shift_clock($node, $midnight + $hours * HOUR);
	return;
}

sub fills_of_days
{
	return sql("SELECT sum(fills) FROM cache_stat WHERE cache LIKE 'calls_by_%'");
}

hours_after_midnight(-12);
is(sql('SELECT sources()'), 'loader', 'filled at noon');
my $fills = fills_of_days();
hours_after_midnight(-0.01);
is(sql('SELECT sources()'), 'cache', 'there until midnight');
hours_after_midnight(0.01);
is(sql('SELECT sources()'), 'loader', 'at midnight all of it goes');
is(sql('SELECT sources()'), 'cache', 'and is there again');
is(fills_of_days(), $fills, 'of days, and sums of all days, that have stayed');
is(sql("SELECT string_agg(DISTINCT to_char(expires_at AT TIME ZONE '$zone', 'HH24:MI'), ' ') FROM cache_entries WHERE cache IN ('dashboard', 'agents', 'agent', 'agent_performance')"),
	'00:00', 'until the next one there');

$node->stop;
done_testing();
