# A session that speaks the protocol itself: it can fetch a portal in parts, be cancelled, and vanish,
# and everything happens when the test says so.
package Wire;

use strict;
use warnings;

use IO::Socket::UNIX;
use Socket qw(SOCK_STREAM);

sub _socket
{
	my ($node) = @_;
	my $socket = IO::Socket::UNIX->new(Type => SOCK_STREAM, Peer => $node->host . '/.s.PGSQL.' . $node->port)
	  or die "cannot connect: $!";
	return $socket;
}

# Wire->new($node, option => value, ...): a session of the superuser in database postgres.
sub new
{
	my ($class, $node, @options) = @_;
	my $self = bless { node => $node, socket => _socket($node) }, $class;
	my $start = pack('N', 3 << 16) . join('', map { "$_\0" } user => 'postgres', database => 'postgres', @options) . "\0";
	$self->{socket}->syswrite(pack('N', 4 + length $start) . $start);
	my $result = $self->finish;
	die $result->{error} if defined $result->{error};
	return $self;
}

sub pid { return $_[0]{pid}; }

sub _send
{
	my ($self, $type, $body) = @_;
	$self->{socket}->syswrite($type . pack('N', 4 + length $body) . $body);
	return;
}

sub _read
{
	my ($self, $bytes) = @_;
	my $data = '';
	while (length $data < $bytes)
	{
		$self->{socket}->sysread($data, $bytes - length $data, length $data) or return;
	}
	return $data;
}

# Sends a query without waiting for what it returns.
sub send
{
	my ($self, $sql) = @_;
	$self->_send('Q', "$sql\0");
	return;
}

# What the session answers until it is ready: {rows => [[...], ...], error, state}; error is set to
# "gone" if the server hangs up.
sub finish
{
	my ($self) = @_;
	my %result = (rows => []);
	while (1)
	{
		my $head = $self->_read(5);
		if (!defined $head)
		{
			$result{error} = 'gone';
			return \%result;
		}
		my ($type, $length) = unpack('aN', $head);
		my $body = $self->_read($length - 4);
		if ($type eq 'D')
		{
			my ($count, $at, @row) = (unpack('n', $body), 2);
			for (1 .. $count)
			{
				my $size = unpack('l>', substr($body, $at, 4));
				$at += 4;
				push @row, $size < 0 ? undef : substr($body, $at, $size);
				$at += $size if $size > 0;
			}
			push @{ $result{rows} }, \@row;
		}
		elsif ($type eq 'E')
		{
			my %field = map { substr($_, 0, 1) => substr($_, 1) } split /\0/, $body;
			$result{state} = $field{C};
			$result{error} = $field{M};
		}
		elsif ($type eq 'K') { ($self->{pid}, $self->{secret}) = unpack('NN', $body); }
		elsif ($type eq 'Z') { return \%result; }
		# The answer to Flush after a portal was suspended or has ended.
		elsif ($self->{flushed} && $type =~ /^[sC]$/) { return \%result; }
	}
}

# The rows of a query; an error is fatal.
sub rows
{
	my ($self, $sql) = @_;
	$self->send($sql);
	my $result = $self->finish;
	die "$result->{error}: $sql" if defined $result->{error};
	return @{ $result->{rows} };
}

# Its only value.
sub value
{
	my ($self, $sql) = @_;
	my ($row) = $self->rows($sql);
	return $row->[0];
}

# Opens the unnamed portal for a query; fetch() then gets so many rows of it, and sync() closes it.
sub open_portal
{
	my ($self, $sql) = @_;
	$self->_send('P', "\0$sql\0" . pack('n', 0));
	$self->_send('B', "\0\0" . pack('nnn', 0, 0, 0));
	return;
}

sub fetch
{
	my ($self, $count) = @_;
	$self->_send('E', "\0" . pack('N', $count));
	$self->_send('H', '');
	local $self->{flushed} = 1;
	my $result = $self->finish;
	die $result->{error} if defined $result->{error};
	return @{ $result->{rows} };
}

sub sync
{
	my ($self) = @_;
	$self->_send('S', '');
	return $self->finish;
}

# As a client does when its user presses Ctrl+C.
sub cancel
{
	my ($self) = @_;
	my $socket = _socket($self->{node});
	$socket->syswrite(pack('NNNN', 16, 80877102, $self->{pid}, $self->{secret}));
	$socket->sysread(my $nothing, 1);
	return;
}

# Ends the session, and waits for the end of its process: orderly, or by hanging up.
sub quit
{
	my ($self) = @_;
	$self->_send('X', '');
	return $self->vanish;
}

sub vanish
{
	my ($self) = @_;
	close $self->{socket};
	$self->{node}->poll_query_until('postgres', "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $self->{pid})")
	  or die 'session does not end';
	return;
}

1;
