#!/usr/bin/env escript
%% Runs patterns in Erlang's re: each line of the input file is a pattern and a
%% subject in hex; each line of the output file is E and why (does not compile),
%% N (no match) or M and the place of every group.
main([In, Out]) ->
    {ok, Text} = file:read_file(In),
    Lines = binary:split(Text, <<"\n">>, [global, trim]),
    ok = file:write_file(Out, [[run(binary:split(L, <<"\t">>)), "\n"] || L <- Lines]).

run([Pattern, Subject]) ->
    case re:compile(binary:decode_hex(Pattern)) of
        {error, {Why, _}} -> ["E ", Why];
        {ok, Compiled} -> answer(re:run(binary:decode_hex(Subject), Compiled, [{capture, all, index}]))
    end.

answer(nomatch) -> "N";
answer({match, Places}) -> ["M" | [io_lib:format(" ~p,~p", [At, Length]) || {At, Length} <- Places]].
