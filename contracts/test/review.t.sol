// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccountsSlot} from "../src/libraries/AccountsSlot.sol";
import {ChannelSlot} from "../src/libraries/ChannelSlot.sol";
import {IQUIVerStaking} from "../src/interfaces/IQUIVerStaking.sol";
import {RewardPool} from "../src/RewardPool.sol";
import {QUIVerChannels} from "../src/QUIVerChannels.sol";
import {QUIVerSettlement} from "../src/QUIVerSettlement.sol";
import {Checks} from "./support/Checks.sol";
import {SettlementSetup} from "./support/SettlementSetup.sol";
import {StakingSetup} from "./support/StakingSetup.sol";
import {vm} from "./support/Vm.sol";

/// @dev No field of a packed word reaches into another, whatever the values.
contract PackingTest is Checks {
    function testFuzz_a_channels_fields_keep_apart(uint96 deposit, uint96 settled, uint40 closableAt, uint24 epoch)
        public
        pure
    {
        deposit = uint96(between(deposit, 1, type(uint96).max));
        settled = uint96(between(settled, 0, deposit));
        closableAt = uint40(between(closableAt, 1, type(uint40).max));
        epoch = uint24(between(epoch, 0, type(uint24).max - 1));
        ChannelSlot slot = ChannelSlot.wrap(uint256(epoch) << 232).reopened(deposit).closing(closableAt).paid(settled);
        check(slot, deposit, settled, closableAt, uint256(epoch) + 1);
        check(slot.notClosing(), deposit, settled, 0, uint256(epoch) + 1);
        check(slot.emptied(), 0, 0, 0, uint256(epoch) + 1);
        if (deposit != type(uint96).max) {
            check(slot.toppedUp(type(uint96).max - deposit), type(uint96).max, settled, 0, uint256(epoch) + 1);
        }
    }

    function test_the_last_epoch_does_not_begin_again() public {
        vm.expectRevert();
        this.reopen(type(uint24).max);
    }

    function reopen(uint24 epoch) external pure {
        ChannelSlot.wrap(uint256(epoch) << 232).reopened(1);
    }

    function testFuzz_a_ledgers_fields_keep_apart(uint96 total, uint96 paid, uint40 activeAt, uint96 added, bool live)
        public
        pure
    {
        paid = uint96(between(paid, 0, total));
        added = uint96(between(added, 0, type(uint96).max - total));
        uint256 bit = live ? 1 : 0;
        AccountsSlot slot = AccountsSlot.wrap(total | bit << 232).afterPaying(paid).waitingUntil(activeAt);
        check(slot, total, paid, activeAt, bit);
        check(slot.activated(added), uint256(total) + added, paid, 0, bit ^ 1);
        check(slot.waitingUntil(0), total, paid, 0, bit);
    }

    function check(ChannelSlot slot, uint256 deposit, uint256 settled, uint256 closableAt, uint256 epoch) private pure {
        eq(slot.deposit(), deposit, "deposit");
        eq(slot.settled(), settled, "settled");
        eq(slot.closableAt(), closableAt, "closableAt");
        eq(slot.epoch(), epoch, "epoch");
    }

    function check(AccountsSlot slot, uint256 total, uint256 paid, uint256 activeAt, uint256 live) private pure {
        eq(slot.total(), total, "total");
        eq(slot.paid(), paid, "paid");
        eq(slot.activeAt(), activeAt, "activeAt");
        eq(slot.live(), live, "live");
    }
}

contract ReviewChannelsTest is SettlementSetup {
    /// A `Close` has no end of its own: a provider that signed one must serve nothing more on that channel.
    function test_a_signed_close_counts_against_later_vouchers() public {
        bytes32 id = open(100 * QUIV);
        bytes32 digest = channels.closeDigest(id, 1, uint128(10 * QUIV));
        bytes32[2] memory bySigner;
        bytes32[2] memory byProvider;
        (bySigner[0], bySigner[1]) = compact(PAYER_KEY, digest);
        (byProvider[0], byProvider[1]) = compact(PROVIDER_KEY, digest);
        Signed memory later = voucher(2, 50 * QUIV);
        vm.warp(block.timestamp + 365 days);
        channels.closeByAgreement(payer, address(0), provider, uint128(10 * QUIV), bySigner, byProvider);
        eq(token.balanceOf(provider), 1_000_010 * QUIV, "what was agreed");
        vm.expectRevert(QUIVerChannels.NothingToRedeem.selector);
        redeem(later);
    }

    /// Once more is settled than the `Close` says, it is void.
    function test_redeeming_voids_an_earlier_close() public {
        bytes32 id = open(100 * QUIV);
        bytes32 digest = channels.closeDigest(id, 1, uint128(10 * QUIV));
        bytes32[2] memory bySigner;
        bytes32[2] memory byProvider;
        (bySigner[0], bySigner[1]) = compact(PAYER_KEY, digest);
        (byProvider[0], byProvider[1]) = compact(PROVIDER_KEY, digest);
        redeem(voucher(2, 50 * QUIV));
        vm.expectRevert(
            abi.encodeWithSelector(QUIVerChannels.BalanceOutOfRange.selector, 50 * QUIV, 100 * QUIV)
        );
        channels.closeByAgreement(payer, address(0), provider, uint128(10 * QUIV), bySigner, byProvider);
    }

    /// Packed items have 24 bits for the nonce: a provider must refuse more, or can't let an aggregator collect.
    function test_a_nonce_above_24_bits_is_redeemed_by_itself_only() public {
        open(100 * QUIV);
        Signed memory large = voucher(uint64(1 << 24), 5 * QUIV);
        vm.expectRevert(QUIVerChannels.NothingToRedeem.selector);
        channels.redeemBatch(provider, pack(large));
        redeem(large);
        channels.redeemBatch(provider, pack(voucher(uint64(1 << 24) - 1, 6 * QUIV)));
        eq(token.balanceOf(provider), 1_000_006 * QUIV, "provider");
    }

    /// Who sees a voucher on its way into a batch can only pay its provider sooner.
    function test_overtaking_a_collection_pays_the_provider_itself() public {
        open(100 * QUIV);
        vm.prank(aggregator);
        settlement.bond(MINIMUM_BOND);
        vm.prank(provider);
        channels.setMandate(address(settlement), aggregator);
        Signed memory first = voucher(1, 5 * QUIV);
        vm.prank(stranger);
        redeem(first);
        (address[] memory providers, bytes[] memory items) = (new address[](1), new bytes[](1));
        (providers[0], items[0]) = (provider, abi.encodePacked(pack(first), pack(voucher(2, 7 * QUIV))));
        vm.prank(aggregator);
        eq(settlement.collect(providers, items), 2 * QUIV, "credit is what came in");
        eq(token.balanceOf(provider), 1_000_005 * QUIV, "provider");
        eq(token.balanceOf(address(settlement)), MINIMUM_BOND + 2 * QUIV, "settlement");
    }
}

contract ReviewSettlementTest is SettlementSetup {
    function test_reassigning_to_oneself_makes_no_money() public {
        open(100 * QUIV);
        vm.prank(aggregator);
        settlement.bond(MINIMUM_BOND);
        vm.prank(provider);
        channels.setMandate(address(settlement), aggregator);
        (address[] memory providers, bytes[] memory items) = (new address[](1), new bytes[](1));
        (providers[0], items[0]) = (provider, pack(voucher(1, 7 * QUIV)));
        vm.prank(aggregator);
        settlement.collect(providers, items);
        vm.warp(block.timestamp + settlement.IDLE_LIMIT());
        settlement.reassignCredit(aggregator, aggregator);
        eq(settlement.ledgerOf(aggregator).credit, 7 * QUIV, "credit");
    }
}

contract ReviewStakingTest is StakingSetup {
    /// The duration that `RewardRateWouldFall` names is accepted, and one second more is not.
    function testFuzz_the_refusal_of_a_payment_names_what_is_accepted(uint96 paid, uint96 more, uint32 wait) public {
        uint256 amount = between(paid, 1e9, 10_000_000 * QUIV);
        uint256 added = between(more, 1e9, 10_000_000 * QUIV);
        stakeAs(alice, 1_000 * QUIV);
        fund(amount, 100 days);
        skip(between(wait, 0, 99 days));
        try staking.fundRewards(added, 4 * 365 days) {}
        catch (bytes memory reason) {
            isTrue(bytes4(reason) == RewardPool.RewardRateWouldFall.selector, "the one reason");
            uint256 longest;
            assembly {
                longest := mload(add(reason, 36))
            }
            if (longest >= 1 days) fund(added, longest);
        }
    }

    /// A report costs at most this, so that no list of evidence can't be brought.
    function test_the_longest_report_fits_a_transaction() public {
        stakeAs(alice, 1_000 * QUIV);
        uint256 before = gasleft();
        reportFailures(alice, 1, 20);
        isTrue(before - gasleft() < 800_000, "twenty marks");
    }

    /// What is compounded after a report neither raises nor lowers what the report costs.
    function test_compounding_does_not_move_a_reports_base() public {
        stakeAs(alice, 10_000 * QUIV);
        fund(1_000 * QUIV, 1 days);
        vm.prank(alice);
        staking.setAutoCompound(true);
        skip(1 days);
        bytes32 id = reportPair(alice, 1);
        vm.prank(keeper);
        staking.compoundFor(alice);
        skip(3 days);
        eq(staking.executeSlash(alice, id), 500 * QUIV, "five per cent of what was staked then");
    }
}
